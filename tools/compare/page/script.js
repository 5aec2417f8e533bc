"use strict";
(function () {
  var root = document.documentElement;
  window.addEventListener("error", function (event) { root.dataset.failed = event.message; });

  // The theme follows the system until the reader chooses one.
  var system = window.matchMedia("(prefers-color-scheme: dark)");
  var button = document.getElementById("theme");
  function isDark() { return root.dataset.theme ? root.dataset.theme === "dark" : system.matches; }
  function label() { button.textContent = isDark() ? "Light" : "Dark"; }
  button.hidden = false;
  button.addEventListener("click", function () {
    root.dataset.theme = isDark() ? "light" : "dark";
    label();
  });
  system.addEventListener("change", label);
  label();

  // Each name is a switch that brings its approach out in all plots.
  var names = document.getElementById("names");
  var groups = document.querySelectorAll("svg g.row");
  function show(name, on) {
    groups.forEach(function (group) {
      if (group.dataset.approach === name) group.classList.toggle("shown", on);
    });
  }
  names.hidden = false;
  names.querySelectorAll("button").forEach(function (button) {
    button.addEventListener("click", function () {
      var on = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(on));
      show(button.dataset.approach, on);
    });
  });
  root.dataset.ready = "yes";
})();
