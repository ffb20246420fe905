"""Chooses the lead of a paper: the sentence of its abstract that says what the paper does or finds."""

from newsletter.leads.candidates import LONGEST_LEAD
from newsletter.leads.lead import Lead, lead_of

__all__ = ["LONGEST_LEAD", "Lead", "lead_of"]
