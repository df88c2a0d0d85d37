"use strict";
(async () => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const items = read("chart-items");

  // The charting library is compressed to a third of its size.
  if (!("DecompressionStream" in window)) {
    document.body.classList.add("bare");
    document.querySelector(".old").hidden = false;
    return;
  }
  const bytes = atob(document.getElementById("library").textContent);
  const packed = new Blob([Uint8Array.from(bytes, (c) => c.charCodeAt(0))]);
  const script = document.createElement("script");
  script.textContent = await new Response(
    packed.stream().pipeThrough(new DecompressionStream("gzip")),
  ).text();
  document.head.append(script);

  const page = read("page-data");
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const back = Object.fromEntries(Object.entries(page.twins).map(([light, its]) => [its, light]));

  // Charts use light colours; each colour with a dark counterpart follows the reader's scheme.
  function recolour(doc, inDark) {
    const map = inDark ? page.twins : back;
    const swap = (value) => {
      if (typeof value === "string") return map[value];
      if (value && typeof value.value === "string" && map[value.value]) {
        return { ...value, value: map[value.value] };
      }
      return undefined;
    };
    for (const model of doc.all_models) {
      const changes = {};
      for (const [name, value] of Object.entries(model.attributes)) {
        if (!name.endsWith("color")) continue;
        const twin = swap(value);
        if (twin !== undefined) changes[name] = twin;
      }
      if (Object.keys(changes).length) model.setv(changes);
      // Colours in a data column, one per point.
      const column = model.type === "ColumnDataSource" && model.data.color;
      if (column) model.data = { ...model.data, color: Array.from(column, (c) => map[c] ?? c) };
    }
  }

  const documents = new Map();
  const views = new Map();
  for (const place of document.querySelectorAll(".plot")) {
    const { chart, title } = place.dataset;
    const item = structuredClone(items[chart]);
    const view = await Bokeh.embed.embed_item({ ...item, target_id: place.id }, place);
    const [root] = view;
    documents.set(title ?? place.id, root.model.document);
    // One chart may appear in several places, each with its own title.
    if (title) root.model.title.text = title;
    views.set(place, root);
    if (dark.matches) recolour(root.model.document, true);
    // A touch on a chart must still scroll the page.
    root.el.style.touchAction = "pan-y";
  }
  const everywhere = (act) => documents.forEach((doc) => act(doc));
  dark.addEventListener("change", () => everywhere((doc) => recolour(doc, dark.matches)));

  // Paper has another width, and charts are not laid out again in time, so images are printed.
  window.addEventListener("beforeprint", () => {
    for (const [place, view] of views) {
      const picture = document.createElement("img");
      picture.className = "printed";
      picture.alt = place.getAttribute("aria-label");
      picture.src = view.export("png", true).canvas.toDataURL();
      if (dark.matches) picture.style.background = "#15191e";
      place.append(picture);
    }
  });
  window.addEventListener("afterprint", () => {
    document.querySelectorAll(".printed").forEach((picture) => picture.remove());
  });

  // All line and point charts share one selection of activations.
  const chosen = new Set(page.shown ?? []);
  const known = new Set(page.activations ?? []);
  function choose() {
    everywhere((doc) => {
      for (const model of doc.all_models) {
        if (model.type === "GlyphRenderer" && known.has(model.name)) {
          model.visible = chosen.has(model.name);
        }
      }
    });
    for (const chip of document.querySelectorAll("[data-activation]")) {
      chip.setAttribute("aria-pressed", String(chosen.has(chip.dataset.activation)));
    }
  }
  document.addEventListener("click", ({ target }) => {
    const chip = target.closest(".chip");
    if (!chip) return;
    const name = chip.dataset.activation;
    if (name) {
      if (!chosen.delete(name)) chosen.add(name);
    } else {
      chosen.clear();
      if (chip.dataset.all === "true") known.forEach((each) => chosen.add(each));
    }
    choose();
  });
  if (known.size) choose();

  // Layer x step maps: one small map per activation, filled with the selected measure and depth.
  const kept = document.getElementById("layer-maps");
  if (!kept) return;
  const maps = JSON.parse(kept.textContent);
  const measure = document.getElementById("map-measure");
  const depth = document.getElementById("map-depth");
  function fill() {
    const asked = maps[depth.value][measure.value];
    const [low, high] = asked.range;
    document.getElementById("map-low").textContent = asked.ends[0];
    document.getElementById("map-high").textContent = asked.ends[1];
    for (const [name, layers] of Object.entries(asked.layers)) {
      const doc = documents.get(name);
      const cells = { x: [], y: [], value: [], step: [], shown: [] };
      layers.forEach((line, layer) =>
        line.forEach((value, column) => {
          cells.x.push(column);
          cells.y.push(layer + 1);
          cells.value.push(value ?? NaN);
          cells.step.push(asked.steps[column]);
          cells.shown.push(value === null ? "not finite" : asked.unit(value));
        }),
      );
      doc.get_model_by_name("scale").setv({ low, high });
      doc.get_model_by_name("cells").data = cells;
      const { x_range, y_range } = doc.roots()[0];
      x_range.setv({ start: -0.5, end: asked.steps.length - 0.5 });
      y_range.setv({ start: 0.5, end: layers.length + 0.5 });
    }
  }
  for (const byMeasure of Object.values(maps)) {
    for (const asked of Object.values(byMeasure)) {
      asked.unit = asked.percent
        ? (value) => `${(100 * value).toFixed(1)} %`
        : (value) => `log₁₀ ${value.toFixed(2)}`;
    }
  }
  measure.addEventListener("change", fill);
  depth.addEventListener("change", fill);
  fill();
})();
