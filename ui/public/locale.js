// A machine whose locale is "C" has no language that Intl knows, and whatever formats a number by
// the browser's language would then fail. This runs before everything else.
(function () {
  try {
    new Intl.NumberFormat(navigator.language);
  } catch {
    Object.defineProperty(navigator, "language", { get: () => "en-GB" });
    Object.defineProperty(navigator, "languages", { get: () => ["en-GB"] });
  }
})();
