// Put into a copy of the report by browser.sh: looks at the page from inside, and leaves what it has found
// in a <pre> called "probe", one fact a line.
(function () {
  var lines = [];
  function say() { lines.push(Array.prototype.join.call(arguments, " ")); }

  function channels(text) { return text.match(/[\d.]+/g).slice(0, 3).map(Number); }
  function luminance(text) {
    return channels(text).reduce(function (sum, channel, index) {
      var part = channel / 255;
      part = part <= 0.04045 ? part / 12.92 : Math.pow((part + 0.055) / 1.055, 2.4);
      return sum + part * [0.2126, 0.7152, 0.0722][index];
    }, 0);
  }
  function contrast(one, other) {
    var a = luminance(one), b = luminance(other);
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  }
  function background(element) {
    for (; element; element = element.parentElement) {
      var color = getComputedStyle(element).backgroundColor;
      if (!/, 0\)$|transparent/.test(color)) return color;
    }
    return "rgb(255, 255, 255)";
  }

  function inside(svg, box) {
    var view = svg.viewBox.baseVal;
    return box.x >= -1 && box.y >= -1 && box.x + box.width <= view.width + 1 &&
      box.y + box.height <= view.height + 1;
  }

  function lookAtPlot(figure) {
    var svg = figure.querySelector("svg"), key = figure.dataset.plot;
    var marks = figure.querySelectorAll(".mark"), drawn = 0, outside = 0, faint = 0;
    marks.forEach(function (mark) {
      var box = mark.getBBox();
      if (box.width > 0 && box.height > 0) drawn++;
      if (!inside(svg, box)) outside++;
    });
    svg.querySelectorAll("text").forEach(function (text) {
      if (!inside(svg, text.getBBox())) outside++;
      if (contrast(getComputedStyle(text).fill, background(figure)) < 4.5) faint++;
    });
    say("plot", key, (figure.dataset.columns || figure.dataset.distribution).replace(/ /g, ","),
      marks.length, drawn, outside, faint, Math.round(svg.getBoundingClientRect().width));
    if (!svg.querySelector("title") || !svg.querySelector("desc")) say("untitled", key);
  }

  function lookAtText() {
    var faint = 0;
    document.querySelectorAll("p, td, th, h1, h2, a, summary, button, dd, figcaption").forEach(function (element) {
      if (contrast(getComputedStyle(element).color, background(element)) < 4.5) faint++;
    });
    say("faint", faint);
  }

  function lookAtTables() {
    document.querySelectorAll("table[data-section]").forEach(function (table) {
      var rows = table.tBodies[0].rows, empty = 0, cells = 0;
      table.querySelectorAll("tbody td").forEach(function (cell) {
        cells++;
        if (!cell.textContent.trim() && table.dataset.section !== "matrix") empty++;
      });
      say("table", table.dataset.section, rows.length, cells, empty);
    });
  }

  function tryNames() {
    document.querySelectorAll("#names button").forEach(function (button) {
      var rows = document.querySelectorAll('svg g.row[data-approach="' + button.dataset.approach + '"]');
      var shown = function () {
        return document.querySelectorAll('svg g.shown[data-approach="' + button.dataset.approach + '"]').length;
      };
      var before = shown();
      button.click();
      var after = shown();
      button.click();
      say("name", button.dataset.approach, rows.length, before, after, shown());
    });
  }

  function tryTheme() {
    var body = function () { return getComputedStyle(document.body).backgroundColor; };
    var before = body();
    document.getElementById("theme").click();
    var between = body();
    document.getElementById("theme").click();
    say("theme", luminance(before) < 0.2 ? "dark" : "light", luminance(between) < 0.2 ? "dark" : "light",
      luminance(body()) < 0.2 ? "dark" : "light");
  }

  document.querySelectorAll("figure.plot").forEach(lookAtPlot);
  lookAtText();
  lookAtTables();
  tryNames();
  tryTheme();
  say("wide", document.documentElement.scrollWidth > window.innerWidth ? "yes" : "no");
  say("ready", document.documentElement.dataset.ready || "no", document.documentElement.dataset.failed || "");
  say("requests", performance.getEntriesByType("resource").length);
  var pre = document.createElement("pre");
  pre.id = "probe";
  pre.textContent = "\n" + lines.join("\n") + "\n";
  document.body.append(pre);
})();
