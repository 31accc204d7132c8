// Runs before the first paint, so that a dark page is never light for a moment. A file of its own, since the
// Content-Security-Policy allows no script in the page. The name in storage is Mantine's, which keeps the choice.
(() => {
  let chosen = null;
  try {
    chosen = localStorage.getItem("mantine-color-scheme-value");
  } catch {
    // Storage is switched off: the system's choice holds.
  }
  const isDark = chosen === "dark" || (chosen !== "light" && window.matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.mantineColorScheme = isDark ? "dark" : "light";
})();
