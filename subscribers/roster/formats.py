"""Lists the exports of other tools: how a header is recognised, and what each column says of a person.

One row a tool, with the address of the documentation that its columns and words were taken from. Titles are
folded: letters and digits in lower case, without accents. Reads and stores nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from subscribers.queries import State
from subscribers.roster.readings import BOUNCED, DATE, LEFT, NO, YES, Reading, flag, text, words

PENDING, LEFT_STATE, SUPPRESSED = State.PENDING, State.UNSUBSCRIBED, State.SUPPRESSED
# Columns of an unknown file that count as a field here, but not in another tool's export: its STATE is a
# postal address, its zones are guesses, and the others are questions of a form.
_OTHER_FIELDS = {
    "state": "",
    "timezone": "likely_timezone",
    "topics": "tags",
    **dict.fromkeys(("cadence", "weekday", "hour", "text_only", "minimum", "maximum", "cards", "maybe"), ""),
    "paused_until": "",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RosterFormat:
    """The export of another tool, recognised by its header. Its lists, tags and zones are only hints."""

    name: str  # for the admin
    documentation: str  # where its columns and words are described
    signs: tuple[str, ...]  # titles separated by blanks; a header that holds all of one is this format
    status: Mapping[str, Reading]  # by title: columns that say who may be mailed
    fields: Mapping[str, str] = field(default_factory=dict)  # by title; "" means: not read
    harmless: str = ""  # titles of other columns that do not say it

    def fits(self, titles: set[str]) -> bool:
        """Whether a header with these titles is of this format."""
        return any(set(sign.split()) <= titles for sign in self.signs)

    def field_of(self, title: str, usual: str) -> str:
        """The field of a column. usual: that of the same title in an unknown file."""
        return self.fields.get(title, _OTHER_FIELDS.get(usual, usual))


MAILCHIMP = RosterFormat(
    name="Mailchimp export",
    documentation="https://mailchimp.com/help/view-export-contacts/",
    signs=("memberrating", "optintime", "leid euid"),
    status={"unsubtime": LEFT, "cleantime": BOUNCED},
    harmless="memberrating optintime optinip confirmtime confirmip latitude longitude gmtoff dstoff cc "
    "region lastchanged unsubcampaigntitle unsubcampaignid unsubreason unsubreasonother cleancampaigntitle "
    "cleancampaignid leid euid",
)
LISTMONK = RosterFormat(
    name="listmonk export",
    documentation="https://listmonk.app/docs/concepts/",
    signs=("uuid attributes", "uuid attribs"),
    status={
        "status": words(confirmed="enabled", unsubscribed="disabled", suppressed="blocklisted blacklisted"),
        "subscriptionstatus": words(
            confirmed="confirmed", pending="unconfirmed", unsubscribed="unsubscribed"
        ),
    },
)
GHOST = RosterFormat(
    name="Ghost export",
    documentation="https://docs.ghost.org/admin-api/members",
    signs=("subscribedtoemails", "complimentaryplan stripecustomerid"),
    fields={"labels": "tags"},
    status={
        "subscribedtoemails": flag(yes=State.CONFIRMED, no=LEFT_STATE, empty=PENDING),
        "emaildisabled": flag(yes=SUPPRESSED),  # Ghost sets it after a bounce or a complaint
        "deletedat": LEFT,
        "status": words(None, none="free paid comped gift complimentary"),  # of paying, not of mail
    },
    harmless="complimentaryplan stripecustomerid products tiers",
)
BREVO = RosterFormat(
    name="Brevo export",
    documentation="https://developers.brevo.com/reference/request-contact-export",
    signs=("emailblacklisted", "emailblocklisted", "addedtime modifiedtime"),
    fields={"listids": "", "listid": "", "sms": "", "whatsapp": ""},
    status={
        # Brevo blocklists who unsubscribed, complained or bounced, and does not say which.
        **dict.fromkeys(
            ("emailblacklisted", "emailblocklisted", "blacklisted", "blocklisted"), flag(yes=SUPPRESSED)
        ),
        **dict.fromkeys(
            ("doubleoptin", "optin"),
            Reading({"": None, **dict.fromkeys(YES), **dict.fromkeys((*NO, "2"), PENDING)}),
        ),
        **dict.fromkeys(
            ("emailmarketing", "emailmarketingstatus", "emailsubscriptionstatus"),
            words(
                confirmed="subscribed yes true",
                pending="never_subscribed not_subscribed",
                unsubscribed="unsubscribed no false",
                suppressed="blacklisted blocklisted bounced",
            ),
        ),
    },
    harmless="smsblacklisted smsblocklisted whatsappblacklisted whatsappblocklisted smsmarketing addedtime "
    "modifiedtime contactid extid",
)
KLAVIYO = RosterFormat(
    name="Klaviyo export",
    documentation="https://help.klaviyo.com/hc/en-us/articles/115005078687",
    signs=("emailmarketingconsent", "klaviyoid", "emailsuppressions"),
    status={
        "emailmarketingconsent": words(
            confirmed="SUBSCRIBED subscribe", pending="NEVER_SUBSCRIBED", unsubscribed="UNSUBSCRIBED"
        ),
        **dict.fromkeys(
            ("emailsuppressions", "emaillistsuppressions", "suppressions", "suppressionreason"),
            Reading(
                {
                    **words(
                        None,
                        unsubscribed="UNSUBSCRIBED",
                        suppressed="USER_SUPPRESSED SPAM_COMPLAINT HARD_BOUNCE SOFT_BOUNCE INVALID_EMAIL "
                        "SUPPRESSED BOUNCED yes true",
                    ).words,
                    **dict.fromkeys(NO),
                },
                several=True,
            ),
        ),
        "suppressed": flag(yes=SUPPRESSED),
        "canreceiveemailmarketing": flag(no=LEFT_STATE),
        **dict.fromkeys(("acceptsmarketing", "acceptsemailmarketing"), flag(no=PENDING)),
        # A list of the channels that a person agreed to: those without email agreed to no email.
        "consent": Reading(
            words(confirmed="email", pending="sms web mobile push directmail whatsapp").words,
            several=True,
            enough="email",
        ),
    },
    harmless="smsmarketingconsent smsmarketingconsenttimestamp emailmarketingconsenttimestamp "
    "whatsappmarketingconsent mobilepushmarketingconsent smsconsent smsconsenttimestamp consenttimestamp "
    "consentmethod consentformid consentformversion lastactive firstactive",
)
BUTTONDOWN = RosterFormat(
    name="Buttondown export",
    documentation="https://docs.buttondown.com/api-subscribers-introduction",
    signs=(
        "subscribertype",
        "emailaddress type creationdate",
        "email type creationdate",
        "undeliverabilitydate",
        "unsubscriptiondate subscriptiondate",
    ),
    status={
        **dict.fromkeys(
            ("subscribertype", "type", "status"),
            words(
                confirmed="regular premium paid trialed unpaid gifted churning churned paused past_due "
                "active subscribed",
                pending="unactivated pending",
                unsubscribed="unsubscribed removed",
                suppressed="complained undeliverable spammy blocked bounced",
            ),
        ),
        **dict.fromkeys(("unsubscriptiondate", "unsubscribedat"), LEFT),
        "unsubscriptionreason": text(LEFT_STATE),
        **dict.fromkeys(("undeliverabilitydate", "bouncedate"), BOUNCED),
        **dict.fromkeys(("undeliverabilityreason", "bouncereason"), text(SUPPRESSED)),
    },
    harmless="creationdate subscriptiondate secondaryid upgradedate churndate commentingdisabled",
)
CONSTANT_CONTACT = RosterFormat(
    name="Constant Contact export",
    documentation="https://community.constantcontact.com/t5/Questions-Discussions/"
    "Help-understanding-quot-Email-Status-quot-in-exportedcontacts/m-p/410819",
    signs=(
        "emailpermissionstatus",
        "emailstatus emailupdatesource",
        "emailstatus emaillists",
        "emailstatus sourcename",
        "optoutdate optoutsource",
    ),
    fields={
        **dict.fromkeys(("emailaddresshome", "emailaddresswork", "emailaddressother"), "email"),
        "emaillists": "tags",
    },
    status={
        **dict.fromkeys(
            ("emailstatus", "emailstatushome", "emailstatuswork", "emailstatusother"),
            words(
                confirmed="Active Subscribed",
                pending="AwaitingConfirmation PendingConfirmation NoPermissionsSet NotSet TempHold "
                "TemporaryHold Unconfirmed",
                unsubscribed="Unsubscribed Removed OptedOut",
                suppressed="Bounced NonMailable DoNotMail Suppressed",
            ),
        ),
        "emailpermissionstatus": words(
            confirmed="Implied Express Explicit Confirmed ConfirmedOptIn OptIn",
            pending="NotSet NoPermissionsSet PendingConfirmation AwaitingConfirmation TempHold TemporaryHold",
            unsubscribed="Unsubscribed OptedOut OptOut",
        ),
        **dict.fromkeys(("optoutdate", "unsubscribedate", "confirmedoptoutdate"), LEFT),
        **dict.fromkeys(
            ("optoutreason", "optoutsource", "confirmedoptoutreason", "confirmedoptoutsource"),
            text(LEFT_STATE),
        ),
    },
    harmless="emailupdatesource emailupdatedate sourcename smsstatus smspermissionstatus smsconsentsource "
    "smspermissiontosend optindate optinsource emailoptindate emailoptinsource",
)
PHPLIST = RosterFormat(
    name="phpList export",
    documentation="https://github.com/phpList/phplist3/blob/main/public_html/lists/admin/structure.php",
    signs=(
        "isthissubscriberconfirmed",
        "isthisuserconfirmed",
        "isthissubscriberblacklisted",
        "isthisuserblacklisted",
        "sendthissubscriberhtmlemails",
        "sendthisuserhtmlemails",
        "listmembership",
        "confirmed blacklisted htmlemail",
    ),
    fields={"listmembership": "tags"},
    status={
        **dict.fromkeys(
            ("isthissubscriberconfirmed", "isthisuserconfirmed", "confirmed"), flag(no=PENDING, empty=PENDING)
        ),
        **dict.fromkeys(
            ("isthissubscriberblacklisted", "isthisuserblacklisted", "blacklisted"), flag(yes=SUPPRESSED)
        ),
        **dict.fromkeys(("isthisaccountdisabled", "disabled"), flag(yes=LEFT_STATE)),
    },
    # An admin confirmed who did not do it themselves; a count of bounces alone stops no mail there.
    harmless="didthissubscribermanuallyconfirm didthisusermanuallyconfirm optedin numberofbounces "
    "bouncecount numberofbouncesonthisuser sendthissubscriberhtmlemails sendthisuserhtmlemails htmlemail "
    "whichpagewasusedtosubscribe subscribepage lastmodified passwordchanged",
)
SUBSTACK = RosterFormat(
    name="Substack export",
    documentation="https://support.substack.com/hc/en-us/articles/"
    "360058529871-How-do-I-use-the-subscriber-dashboard-on-Substack",
    signs=(
        "emaildisabled",
        "stripeplan startdate",
        "stripeplan activity",
    ),
    fields={"useremailaddress": "email", "username": "name"},
    status={
        "emaildisabled": flag(yes=LEFT_STATE, empty=PENDING),
        "unsubscribedat": LEFT,
        "emailsenabled": flag(no=LEFT_STATE),
    },
    harmless="activesubscription expiry plan firstpaymentat type stripeplan canceldate startdate "
    "subscriptiontype subscriptioncreatedat subscriptionexpiresat lastsubscribedat subscriptioninterval "
    "subscriptionsource activity",
)
BEEHIIV = RosterFormat(
    name="beehiiv export",
    documentation="https://www.beehiiv.com/newsletter-glossary/subscriber-status",
    signs=("freetier premiumtier", "status tier", "status subscriptiontier", "status premiumtiernames"),
    status={
        "status": words(
            confirmed="active",
            pending="pending validating needs_attention needs_approval needsconfirmation",
            unsubscribed="inactive unsubscribed paused deleted",
            suppressed="invalid bounced complained",
        ),
        **dict.fromkeys(("unsubscribedat", "unsubscribeddate", "unsubscribedon"), LEFT),
    },
    harmless="tier freetier premiumtier subscriptiontier premiumtiernames stripecustomerid "
    "subscriptiondatesubstack subscriberid",
)
SENDY = RosterFormat(
    name="Sendy export",
    documentation="https://sendy.co/forum/discussion/15461/contact-uploads-vs-unsubscribed-users",
    signs=(
        "lastactivity addedvia",
        "optinmethod signedupfrom",
        "joined lastactivity status",
        "lastactivity gdpr",
    ),
    status={
        "status": words(
            confirmed="Active Subscribed",
            pending="Unconfirmed",
            unsubscribed="Unsubscribed",
            suppressed="Bounced HardBounced SoftBounced MarkedAsSpam Spam Complained Suppressed",
        ),
        "gdpr": flag(no=PENDING),  # the person ticked the box of a form that asks for consent
    },
    harmless="joined lastactivity addedvia optinmethod signedupfrom",
)
MAILERLITE = RosterFormat(
    name="MailerLite export",
    documentation="https://developers.mailerlite.com/docs/subscribers.html",
    signs=(
        "subscriber subscribed",
        "subscriber lastname",
        "subscriber groups",
        "subscriber status",
        "subscriber opened",
        "subscribedat optedinat",
        "subscribedat optinip",
        "openscount clickscount status",
        "signupip subscribed",
        "status optedin unsubscribed",
        "status datesubscribed dateunsubscribed",
    ),
    status={
        **dict.fromkeys(
            ("status", "type"),
            words(
                confirmed="active subscribed",
                pending="unconfirmed",
                unsubscribed="unsubscribed deleted forgotten",
                suppressed="bounced junk spam complained",
            ),
        ),
        **dict.fromkeys(("unsubscribed", "unsubscribedat", "dateunsubscribed", "unsubscribedate"), LEFT),
        **dict.fromkeys(("bounced", "junk", "spam", "bouncedat", "markedasjunk"), BOUNCED),
        # The time of the sign-up. A yes or no in its place is read as well.
        **dict.fromkeys(
            ("subscribed", "subscribedat", "datesubscribed"),
            Reading({"": None, DATE: None, **dict.fromkeys(YES), **dict.fromkeys(NO, LEFT_STATE)}),
        ),
        **dict.fromkeys(
            ("optedin", "optedinat", "optin"),
            Reading({"": None, DATE: None, **dict.fromkeys(YES), **dict.fromkeys(NO, PENDING)}),
        ),
    },
    harmless="optinip signupip openscount clickscount sent opened clicked openrate clickrate zip",
)
MAILMAN3 = RosterFormat(
    name="Mailman 3 export",
    documentation="https://docs.mailman3.org/projects/mailman/en/latest/src/mailman/commands/docs/members.html",
    signs=(
        "deliverystatus deliverymode",
        "deliverystatus subscriptionmode",
        "deliverystatus displayname",
        "deliverymode displayname",
    ),
    status={
        "deliverystatus": words(
            confirmed="enabled DeliveryStatus.enabled",
            pending="unknown DeliveryStatus.unknown",
            unsubscribed="by_user by_moderator by_admin disabled disabled_by_user disabled_by_moderator "
            "DeliveryStatus.by_user DeliveryStatus.by_moderator",
            suppressed="by_bounces by_bounce disabled_by_bounces DeliveryStatus.by_bounces",
        ),
        "role": words(
            None, none="member owner moderator administrator MemberRole.member", pending="nonmember"
        ),
        "bouncescore": Reading({"": None, DATE: None, **dict.fromkeys((*YES, *NO))}),
    },
    harmless="deliverymode subscriptionmode moderationaction",
)
KIT = RosterFormat(
    name="Kit export",
    documentation="https://developers.kit.com/api-reference/subscribers/list-subscribers",
    # After those with more columns: its export has no column of its own.
    signs=(
        "firstname email createdat status",
        "firstname emailaddress createdat state",
        "firstname email createdat state",
    ),
    status={
        **dict.fromkeys(
            ("status", "state"),
            words(
                confirmed="active confirmed subscribed cold",
                pending="inactive unconfirmed",  # who has not answered the question to confirm
                unsubscribed="cancelled canceled unsubscribed",
                suppressed="bounced complained",
            ),
        ),
        **dict.fromkeys(("canceledat", "cancelledat"), LEFT),
    },
)
FORMATS = (
    MAILCHIMP,
    LISTMONK,
    GHOST,
    BREVO,
    KLAVIYO,
    BUTTONDOWN,
    CONSTANT_CONTACT,
    PHPLIST,
    SUBSTACK,
    BEEHIIV,
    SENDY,
    MAILERLITE,
    MAILMAN3,
    KIT,
)
ADDRESS_LIST = "list of addresses"  # one on each line and no header, as Mailman writes it
