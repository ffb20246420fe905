// Guesses the visitor's time zone; the field stays editable, and without this file it holds the default.
(function () {
  "use strict";
  var field = document.querySelector("input[data-guess]");
  if (!field) { return; }
  try {
    var zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    if (zone && field.value === field.defaultValue) { field.value = zone; }
  } catch (error) { /* an old browser: the default stays */ }
}());
