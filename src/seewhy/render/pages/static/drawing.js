// The drawing of an explanation: a photo, its heat map or segments, and what a reader may change about the view.
//
// Used by the report, and made for any page or notebook: `mount(element, data)` takes plain data (see drawing.py, which
// writes it) and needs nothing else: no library, no connection, no reading back of pixels. Text from the data is only
// ever set as text. Events on the element: `seewhy:view` when the view changed, `seewhy:at` when a place is pointed at.

const NUMBERED = 15; // numbers on the photo, at most: as in the figure
const MINUS = "\u2212";

/** Draw `data` into `element`; returns { view, show(changes), point(segment or null), destroy() }. */
export function mount(element, data) {
  const targets = data.targets.map((target) => decoded(target, data));
  const labels = data.segments ? runs(data.segments) : null;
  const view = { target: 0, show: "map", sign: "all", opacity: 1, ...first(targets[0]), ...data.view };
  const stage = staged(data);
  const readout = make("p", { className: "sw-readout", role: "status" });
  let pointed = null;

  const draw = () => paint(stage, { data, labels, target: targets[view.target], view, pointed });
  const say = () => { readout.textContent = sentence(data, labels, targets[view.target], view, pointed); };
  const show = (changes) => {
    const before = view.target;
    Object.assign(view, changes);
    if (view.target !== before) Object.assign(view, first(targets[view.target]));
    draw();
    say();
    element.dispatchEvent(new CustomEvent("seewhy:view", { detail: { ...view } }));
  };
  const point = (place) => {
    if (same(place, pointed)) return;
    pointed = place;
    draw();
    say();
    element.dispatchEvent(new CustomEvent("seewhy:at", { detail: place }));
  };

  const controls = panel(data, targets, view, show);
  element.replaceChildren(stage.box, legend(data, targets, view, element), readout, controls);
  listen(stage, { data, labels, targets, view, point, pointed: () => pointed });
  const watch = new ResizeObserver(() => draw());
  watch.observe(stage.box);
  show({});
  return {
    view,
    show,
    point: (segment) => point(segment === null ? null : { segment }),
    destroy() { watch.disconnect(); element.replaceChildren(); },
  };
}

// --- data ---------------------------------------------------------------------------------------------------

function bytes(text) {
  return Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
}

/** Segment ids from 1, 0 where the model did not see the photo: pairs of a length and an id, 16 bits each. */
function runs({ width, height, runs: text }) {
  const pairs = new Uint16Array(bytes(text).buffer);
  const ids = new Uint16Array(width * height);
  for (let i = 0, at = 0; i < pairs.length; i += 2) {
    ids.fill(pairs[i + 1], at, at + pairs[i]);
    at += pairs[i];
  }
  return { width, height, ids };
}

/** A target with its map as numbers: `levels` in -127..127 of `step` each, and half an interval in 0..255. */
function decoded(target, data) {
  if (!target.map) return { ...target, ranked: ranked(target, data) };
  const { width, height, step } = target.map;
  const levels = new Int8Array(bytes(target.map.levels).buffer);
  const half = target.map.half ? bytes(target.map.half) : null;
  return { ...target, map: { width, height, step, levels, half, halfStep: target.map.half_step } };
}

/** Segments that are distinguishable from 0, strongest first. */
function ranked(target) {
  const told = target.values.map((_, i) => i).filter((i) => target.told[i]);
  return told.sort((one, other) => Math.abs(target.values[other]) - Math.abs(target.values[one]));
}

/** How much of a target is shown at first. */
function first(target) {
  return target.map ? { share: target.share } : { regions: Math.min(target.regions, target.ranked.length) };
}

function fits(value, sign) {
  return sign === "all" || (sign === "supports" ? value > 0 : value < 0);
}

function chosen(target, view) {
  return target.ranked.filter((i) => fits(target.values[i], view.sign)).slice(0, view.regions);
}

/** The level that the shown share of a map starts at: 0 where nothing is shown, which no level reaches. */
function threshold(target, view, seen) {
  const { levels } = target.map;
  const counts = new Uint32Array(128);
  for (const level of levels) if (level && fits(level, view.sign)) counts[Math.abs(level)] += 1;
  let left = (view.share / 100) * levels.length * seen;
  for (let level = 127; level > 0; level -= 1) {
    left -= counts[level];
    if (left < 0) return level + (counts[level] + left < counts[level] / 2 ? 1 : 0);
  }
  return 1;
}

function seenShare({ seen }) {
  return seen ? (seen[2] - seen[0]) * (seen[3] - seen[1]) : 1;
}

// --- words --------------------------------------------------------------------------------------------------

/** A number with its sign, and the decimals that `limit` needs for two digits that count. */
function signed(value, limit) {
  const digits = limit < 1e-4 ? null : Math.max(0, 1 - Math.floor(Math.log10(limit)));
  const text = digits === null ? value.toExponential(1) : value.toFixed(digits);
  return (value < 0 ? "" : "+") + text.replace("-", MINUS);
}

function percent(share) {
  return `${(100 * share).toPrecision(2).replace(/\.0$/, "").replace("e+2", "00")} %`;
}

function effect(target, value, low, high) {
  const ends = low === null || low === undefined
    ? ""
    : `, 95 % interval ${signed(low, target.limit)} to ${signed(high, target.limit)}`;
  return `${signed(value, target.limit)} ${target.unit}${ends}`;
}

function sentence(data, labels, target, view, pointed) {
  if (pointed === null) return summary(data, target, view);
  if (!target.map) {
    const i = pointed.segment;
    if (i < 0) return "Not part of the model input.";
    const told = target.told[i] ? "" : "; not distinguishable from 0";
    const low = target.low ? target.low[i] : null;
    return `Segment ${i}: ${effect(target, target.values[i], low, target.high ? target.high[i] : null)}${told}.`;
  }
  const { width, height, step, levels, half, halfStep } = target.map;
  if (!isSeen(data, pointed.x, pointed.y)) return "Not part of the model input.";
  const at = Math.min(height - 1, Math.floor(pointed.y * height)) * width
    + Math.min(width - 1, Math.floor(pointed.x * width));
  const value = levels[at] * step;
  const reach = half ? half[at] * halfStep : null;
  if (!levels[at]) return "Here: no effect that is distinguishable from 0.";
  return `Here: ${effect(target, value, reach === null ? null : value - reach, reach === null ? null : value + reach)}.`;
}

function summary(data, target, view) {
  if (view.show === "photo") return "The photo without the map.";
  const how = view.sign === "all" ? "" : view.sign === "supports" ? " that support the class" : " that contradict it";
  if (target.map) {
    return `Outlined: the strongest ${percent(view.share / 100)} of the model input${how}, as far as distinguishable from 0.`;
  }
  const some = chosen(target, view);
  if (!some.length) return `No segment${how} is shown.`;
  const area = some.reduce((sum, i) => sum + target.area[i], 0);
  const what = some.length === 1 ? "segment" : `${some.length} segments`;
  return `Outlined: the strongest ${what}${how}, ${percent(area)} of the model input.`;
}

function isSeen({ seen }, x, y) {
  return !seen || (x >= seen[0] && x < seen[2] && y >= seen[1] && y < seen[3]);
}

function same(one, other) {
  return one === other || (one && other && one.segment === other.segment && one.x === other.x && one.y === other.y);
}

// --- painting -----------------------------------------------------------------------------------------------

function staged(data) {
  const box = make("div", { className: "sw-stage", tabIndex: 0, role: "group" });
  box.setAttribute("aria-label", `${data.alt}. Arrow keys move over it.`);
  box.style.aspectRatio = `${data.size[0]} / ${data.size[1]}`;
  const photo = make("img", { src: data.photo, alt: "", draggable: false });
  const canvas = make("canvas");
  canvas.setAttribute("aria-hidden", "true");
  if (Math.max(...data.size) < 200) photo.style.imageRendering = "pixelated";
  box.append(photo, canvas);
  return { box, photo, canvas };
}

function paint(stage, scene) {
  const { canvas, box, photo } = stage;
  const { data, view, target } = scene;
  const dense = Math.min(2, window.devicePixelRatio || 1);
  const width = Math.max(1, Math.round(box.clientWidth * dense));
  const height = Math.max(1, Math.round((box.clientWidth * dense * data.size[1]) / data.size[0]));
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const pen = canvas.getContext("2d");
  pen.clearRect(0, 0, width, height);
  box.dataset.show = view.show;
  if (view.show !== "photo") {
    const mask = target.map ? levelsMask(target, view, seenShare(data)) : segmentsMask(target, view, scene.labels);
    if (view.show === "region") {
      if (!photo.complete) photo.addEventListener("load", () => paint(stage, scene), { once: true });
      inside(pen, photo, mask, data);
    } else {
      colors(pen, scene);
    }
    outline(pen, mask, data, stage.box.clientWidth * dense / 380);
    if (!target.map) numbers(pen, target, view, data, dense);
  }
  unseen(pen, data, dense);
  if (scene.pointed) mark(pen, scene, dense);
}

/** The effects as color, as opaque as they are strong. */
function colors(pen, { data, labels, target, view }) {
  const { supports, contradicts, full } = data.colors;
  const ink = (value) => {
    const strength = Math.min(1, Math.abs(value) / target.limit);
    const steps = Math.round(strength * 127) / 127;
    return [...(value > 0 ? supports : contradicts), 255 * full * steps * view.opacity];
  };
  const source = target.map ?? labels;
  const pixels = new ImageData(source.width, source.height);
  const table = target.map
    ? Array.from({ length: 255 }, (_, i) => ink((i - 127) * target.map.step))
    : [[0, 0, 0, 0], ...target.values.map((value, i) => (target.told[i] ? ink(value) : [0, 0, 0, 0]))];
  const wanted = target.map ? (i) => fits(i - 127, view.sign) : (i) => i === 0 || fits(target.values[i - 1], view.sign);
  const rows = table.map((one, i) => (wanted(i) && target.limit > 0 ? one : [0, 0, 0, 0]));
  const ids = target.map ? target.map.levels : labels.ids;
  const from = target.map ? 127 : 0;
  for (let i = 0; i < ids.length; i += 1) pixels.data.set(rows[ids[i] + from], 4 * i);
  pen.imageSmoothingEnabled = true;
  pen.imageSmoothingQuality = "high";
  pen.drawImage(canvasOf(pixels), 0, 0, pen.canvas.width, pen.canvas.height);
}

function canvasOf(pixels) {
  const small = make("canvas", { width: pixels.width, height: pixels.height });
  small.getContext("2d").putImageData(pixels, 0, 0);
  return small;
}

/** What is chosen: for every pixel of the label map 0, or a label and whether it supports. */
function segmentsMask(target, view, { width, height, ids }) {
  const shown = new Uint16Array(target.values.length + 1);
  for (const i of chosen(target, view)) shown[i + 1] = i + 1;
  const supports = (id) => target.values[id - 1] > 0;
  return { width, height, ids: ids.map((id) => shown[id]), supports };
}

function levelsMask(target, view, seen) {
  const { width, height, levels } = target.map;
  const least = view.share > 0 ? threshold(target, view, seen) : 128;
  const ids = Uint16Array.from(levels, (level) => {
    if (!level || Math.abs(level) < least || !fits(level, view.sign)) return 0;
    return level > 0 ? 1 : 2;
  });
  return { width, height, ids, supports: (id) => id === 1 };
}

/** The photo in its own colors inside the mask; the page shows it faded below. */
function inside(pen, photo, mask, data) {
  const pixels = new ImageData(mask.width, mask.height);
  for (let i = 0; i < mask.ids.length; i += 1) if (mask.ids[i]) pixels.data[4 * i + 3] = 255;
  const { width, height } = pen.canvas;
  pen.imageSmoothingEnabled = true;
  pen.drawImage(canvasOf(pixels), 0, 0, width, height);
  pen.globalCompositeOperation = "source-in";
  if (Math.max(...data.size) < 200) pen.imageSmoothingEnabled = false;
  if (photo.complete && photo.naturalWidth) pen.drawImage(photo, 0, 0, width, height);
  pen.globalCompositeOperation = "source-over";
}

/** Borders of what is chosen, in the color of their sign with a white rim, sharp at any size. */
function outline(pen, mask, data, width) {
  const { supports, contradicts } = data.colors;
  const edges = { true: new Path2D(), false: new Path2D() };
  border(mask, edges);
  strokes(pen, mask, () => {
    pen.lineWidth = 3.4 * width;
    pen.strokeStyle = "#fff";
    for (const path of Object.values(edges)) strokeScaled(pen, path, mask);
    pen.lineWidth = 1.7 * width;
    for (const [key, color] of [["true", supports], ["false", contradicts]]) {
      pen.strokeStyle = `rgb(${color})`;
      strokeScaled(pen, edges[key], mask);
    }
  });
}

function strokes(pen, mask, work) {
  pen.save();
  pen.lineJoin = "round";
  pen.lineCap = "round";
  work();
  pen.restore();
}

function strokeScaled(pen, path, { width, height }) {
  const { width: across, height: down } = pen.canvas;
  const scaled = new Path2D();
  scaled.addPath(path, { a: across / width, d: down / height });
  pen.stroke(scaled);
}

/** Add the borders of a mask to the path of their sign: runs of pixel edges, along rows and then along columns. */
function border({ width, height, ids, supports }, edges) {
  for (const turned of [false, true]) {
    const [long, short] = turned ? [height, width] : [width, height];
    const at = (a, b) => (b < 0 || b >= short ? 0 : turned ? ids[a * width + b] : ids[b * width + a]);
    for (let b = 0; b <= short; b += 1) {
      let from = -1;
      let sign = false;
      for (let a = 0; a <= long; a += 1) {
        const one = a < long ? at(a, b - 1) : 0;
        const other = a < long ? at(a, b) : 0;
        const edge = one !== other;
        const now = edge && supports(other || one);
        if (from >= 0 && (!edge || now !== sign)) {
          edges[sign].moveTo(turned ? b : from, turned ? from : b);
          edges[sign].lineTo(turned ? b : a, turned ? a : b);
          from = -1;
        }
        if (edge && from < 0) [from, sign] = [a, now];
      }
    }
  }
}

function numbers(pen, target, view, data, dense) {
  const { width, height } = pen.canvas;
  const shown = chosen(target, view).filter((i) => target.places[i]).slice(0, NUMBERED);
  const size = Math.min(13, Math.max(9, width / dense / 34)) * dense;
  pen.font = `600 ${size}px system-ui, sans-serif`;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  for (const i of shown.reverse()) {
    const [x, y] = [target.places[i][0] * width, target.places[i][1] * height];
    pen.beginPath();
    pen.arc(x, y, size * (i > 99 ? 1.15 : 0.9), 0, 2 * Math.PI);
    pen.fillStyle = `rgb(${target.values[i] > 0 ? data.colors.supports : data.colors.contradicts})`;
    pen.fill();
    pen.lineWidth = 1.4 * dense;
    pen.strokeStyle = "#fff";
    pen.stroke();
    pen.fillStyle = "#fff";
    pen.fillText(String(i), x, y + size / 14);
  }
}

/** Hatch what the model did not see, and frame what it did. */
function unseen(pen, { seen }, dense) {
  if (!seen) return;
  const { width, height } = pen.canvas;
  const [left, top, right, bottom] = [seen[0] * width, seen[1] * height, seen[2] * width, seen[3] * height];
  pen.save();
  pen.beginPath();
  pen.rect(0, 0, width, height);
  pen.rect(left, top, right - left, bottom - top);
  pen.clip("evenodd");
  pen.fillStyle = "rgb(190 190 190 / 0.75)";
  pen.fillRect(0, 0, width, height);
  pen.strokeStyle = "rgb(110 110 110 / 0.6)";
  pen.lineWidth = 1.5 * dense;
  for (let x = -height; x < width; x += 12 * dense) {
    pen.beginPath();
    pen.moveTo(x, 0);
    pen.lineTo(x + height, height);
    pen.stroke();
  }
  pen.restore();
  pen.strokeStyle = "#222";
  pen.lineWidth = 2 * dense;
  pen.strokeRect(left, top, right - left, bottom - top);
}

/** What is pointed at: a segment's border, or a cross on a map. */
function mark(pen, { labels, target, pointed }, dense) {
  if (target.map) {
    const [x, y] = [pointed.x * pen.canvas.width, pointed.y * pen.canvas.height];
    for (const [color, width] of [["#000", 4], ["#fff", 2]]) {
      pen.strokeStyle = color;
      pen.lineWidth = width * dense;
      pen.beginPath();
      pen.moveTo(x - 9 * dense, y);
      pen.lineTo(x + 9 * dense, y);
      pen.moveTo(x, y - 9 * dense);
      pen.lineTo(x, y + 9 * dense);
      pen.stroke();
    }
    return;
  }
  const mask = { ...labels, ids: labels.ids.map((id) => (id === pointed.segment + 1 ? 1 : 0)), supports: () => true };
  const edges = { true: new Path2D(), false: new Path2D() };
  border(mask, edges);
  strokes(pen, mask, () => {
    for (const [color, width] of [["#000", 5], ["#fff", 2.5]]) {
      pen.strokeStyle = color;
      pen.lineWidth = width * dense;
      strokeScaled(pen, edges.true, mask);
    }
  });
}

// --- pointing -----------------------------------------------------------------------------------------------

function listen({ box }, { data, labels, targets, view, point, pointed }) {
  const at = (event) => {
    const frame = box.getBoundingClientRect();
    const [x, y] = [(event.clientX - frame.left) / frame.width, (event.clientY - frame.top) / frame.height];
    if (x < 0 || x >= 1 || y < 0 || y >= 1) return null;
    if (targets[view.target].map) return { x, y };
    return { segment: labels.ids[Math.floor(y * labels.height) * labels.width + Math.floor(x * labels.width)] - 1 };
  };
  box.addEventListener("pointermove", (event) => point(at(event)));
  box.addEventListener("pointerdown", (event) => point(at(event)));
  box.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") point(null); });
  box.addEventListener("blur", () => point(null));
  box.addEventListener("keydown", (event) => {
    const target = targets[view.target];
    const next = event.key === "Escape" ? null : moved(event.key, target, view, pointed());
    if (next === undefined) return;
    event.preventDefault();
    point(next);
  });
}

const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** Where a key goes: through the segments by strength, or over the map in steps of a twentieth. */
function moved(key, target, view, now) {
  const step = STEPS[key];
  if (target.map) {
    if (!step) return undefined;
    const { x, y } = now ?? { x: 0.5, y: 0.5 };
    const within = (value) => Math.min(0.999, Math.max(0, value));
    return { x: within(x + step[0] / 20), y: within(y + step[1] / 20) };
  }
  const order = target.ranked.filter((i) => fits(target.values[i], view.sign));
  if (!order.length || !(step || key === "Home" || key === "End")) return undefined;
  const place = now ? order.indexOf(now.segment) : -1;
  if (key === "Home" || key === "End") return { segment: order.at(key === "Home" ? 0 : -1) };
  const next = step[0] + step[1] > 0 ? place + 1 : place < 0 ? order.length - 1 : place - 1;
  return { segment: order[(next + order.length) % order.length] };
}

// --- controls -----------------------------------------------------------------------------------------------

let mounted = 0;

function panel(data, targets, view, show) {
  mounted += 1;
  const box = make("div", { className: "sw-controls" });
  const amount = make("div", { className: "sw-amount" });
  const refill = () => amount.replaceChildren(slider(targets[view.target], view, show));
  if (targets.length > 1) {
    const select = make("select", { id: `sw-target-${mounted}` });
    select.append(...targets.map((one, i) => make("option", { value: i, textContent: one.label })));
    select.addEventListener("change", () => { show({ target: Number(select.value) }); refill(); });
    box.append(labeled("Class", select));
  }
  const views = { map: "Heat map", region: "Region", photo: "Photo" };
  const signs = { all: "Both", supports: "Supports", contradicts: "Contradicts" };
  box.append(choice("Show", `sw-show-${mounted}`, views, view.show, (value) => show({ show: value })));
  box.append(choice("Effects", `sw-sign-${mounted}`, signs, view.sign, (sign) => { show({ sign }); }));
  refill();
  const strength = range(0, 100, 5, 100, (value) => show({ opacity: value / 100 }), (value) => `${value} %`);
  box.append(amount, labeled("Opacity of color", ...strength));
  return box;
}

function slider(target, view, show) {
  if (target.map) {
    const parts = range(0, 100, 1, Math.round(view.share), (share) => show({ share }), (value) => `${value} %`);
    return labeled("Share outlined", ...parts);
  }
  const parts = range(0, target.ranked.length, 1, view.regions, (regions) => show({ regions }), String);
  return labeled("Segments outlined", ...parts);
}

function range(min, max, step, value, change, words) {
  const input = make("input", { type: "range", min, max, step, value, id: `sw-range-${(mounted += 1)}` });
  const output = make("output", { textContent: words(value) });
  output.htmlFor = input.id;
  input.addEventListener("input", () => {
    output.textContent = words(Number(input.value));
    change(Number(input.value));
  });
  return [input, output];
}

function labeled(words, input, ...more) {
  const row = make("div", { className: "sw-row" });
  row.append(make("label", { textContent: words, htmlFor: input.id }), input, ...more);
  return row;
}

function choice(title, name, options, value, change) {
  const group = make("fieldset", { className: "sw-choice" });
  group.append(make("legend", { textContent: title }));
  for (const [key, words] of Object.entries(options)) {
    const input = make("input", { type: "radio", name, value: key, checked: key === value });
    input.addEventListener("change", () => change(key));
    const label = make("label");
    label.append(input, make("span", { textContent: words }));
    group.append(label);
  }
  return group;
}

/** The scale of the colors, with its ends in numbers; it follows the target. */
function legend(data, targets, view, element) {
  const bar = make("div", { className: "sw-bar" });
  const { supports, contradicts, neutral, full } = data.colors;
  const mixed = (color) => color.map((one, i) => Math.round(neutral[i] + (one - neutral[i]) * full));
  bar.style.background = `linear-gradient(90deg, rgb(${mixed(contradicts)}), rgb(${neutral}), rgb(${mixed(supports)}))`;
  const low = make("span");
  const high = make("span");
  const middle = make("span");
  const words = make("div", { className: "sw-ends" });
  words.append(low, middle, high);
  const box = make("div", { className: "sw-legend" });
  box.append(bar, words);
  element.addEventListener("seewhy:view", () => {
    const target = targets[view.target];
    low.textContent = `${signed(-target.limit, target.limit)} contradicts`;
    middle.textContent = `0 · ${target.unit}`;
    high.textContent = `supports ${signed(target.limit, target.limit)}`;
  });
  return box;
}

function make(tag, properties = {}) {
  const { role, ...own } = properties;
  const found = Object.assign(document.createElement(tag), own);
  if (role) found.setAttribute("role", role);
  return found;
}
