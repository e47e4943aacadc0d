// What a report does with the drawing: one for each result, from the data that stands beside it.
for (const place of document.querySelectorAll("[data-drawing]")) {
  const drawing = mount(place, JSON.parse(document.getElementById(place.dataset.drawing).textContent));
  const article = place.closest("article");
  for (const row of article.querySelectorAll("tr[data-segment]")) {
    row.addEventListener("pointerenter", () => drawing.point(Number(row.dataset.segment)));
    row.addEventListener("pointerleave", () => drawing.point(null));
  }
}
document.documentElement.classList.add("js");
addEventListener("beforeprint", () => {
  for (const one of document.querySelectorAll("details")) one.open = true;
});
