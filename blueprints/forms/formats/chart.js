// Draws a chart in place of the script that brings it.
(() => {
  const script = document.currentScript;
  const language = "LANGUAGE";
  const spec = "SPEC";
  const place = document.createElement("div");
  place.className = "chart";
  script ? script.before(place) : document.body.append(place);

  const missing = (name) => {
    place.textContent = `This chart needs ${name}: load its script before this one.`;
  };

  const asVega = () => {
    if (language === "vega") return spec;
    if (language === "vegam") {
      const made = vegam.vegam(spec);
      return made.spec || made;
    }
    return vegaLite.compile(spec).spec;
  };

  const needed = { "vega": [], "vega-lite": ["vegaLite"], "vegam": ["vegam"] }[language];
  const embeds = typeof vegaEmbed === "function";
  const absent = [...(embeds ? needed.filter((name) => name === "vegam") : ["vega", ...needed])]
    .find((name) => typeof window[name] === "undefined");
  if (absent) return missing(absent);
  if (embeds) {
    const shown = language === "vegam" ? asVega() : spec;
    return vegaEmbed(place, shown, { actions: false });
  }
  return new vega.View(vega.parse(asVega())).initialize(place).hover().runAsync();
})();
