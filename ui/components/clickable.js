export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".vs");
  if (root.dataset.stamp !== data.stamp) {
    const focused = root.getRootNode().activeElement;
    const focusedData = focused && root.contains(focused) ? { ...focused.dataset } : null;
    root.dataset.stamp = data.stamp;
    root.innerHTML = data.html;
    if (focusedData) restoreFocus(root, focusedData);
    for (const video of root.querySelectorAll("video[data-start]")) startVideo(video);
    for (const image of root.querySelectorAll(".sides img")) {
      image.addEventListener("error", () => image.replaceWith(image.alt + ": no image"));
    }
    followFilm(root, Number(data.offset || 0));
  }
  root.onkeydown = moveAlongTimeline;
  root.onclick = (event) => {
    const button = event.target.closest("[data-act]");
    if (!button) return;
    const video = root.querySelector("video");
    if (button.dataset.act === "open") {
      // Another clip must be cut: the film of this one goes before face and figures change.
      emptyPlayer(root);
      showMoment(root, button.dataset.track);
    }
    if (button.dataset.act === "seek" && video) {
      showMoment(root, button.dataset.track);
      video.classList.add("moving"); // the old picture does not stay beside the new face
      video.currentTime = Number(button.dataset.at) - Number(data.offset || 0);
      video.play().catch(() => {});
      return;
    }
    setTriggerValue("act", { ...button.dataset });
  };
  if (!data.paste) return;
  const paste = (event) => {
    const files = [...(event.clipboardData?.files || [])];
    const input = document.querySelector('[data-testid="stFileUploader"] input[type="file"]');
    if (!files.length || !input) return;
    const transfer = new DataTransfer();
    files.forEach((file) => transfer.items.add(file));
    input.files = transfer.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
    event.preventDefault();
  };
  document.addEventListener("paste", paste);
  return () => document.removeEventListener("paste", paste);
}

// The new HTML replaces the pressed button: focus the button with the same data.
function restoreFocus(root, focusedData) {
  const hasSameData = (button) =>
    Object.entries(focusedData).every(([name, value]) => button.dataset[name] === value);
  [...root.querySelectorAll("[data-act]")].find(hasSameData)?.focus({ preventScroll: true });
}

function moveAlongTimeline(event) {
  const strip = event.target.closest?.(".strip");
  if (!strip) return;
  const bars = [...strip.querySelectorAll(".bar")];
  const current = bars.indexOf(event.target);
  const next = {
    ArrowRight: current + 1,
    ArrowLeft: current - 1,
    Home: 0,
    End: bars.length - 1,
  }[event.key];
  if (next === undefined || current < 0) return;
  event.preventDefault();
  bars[Math.min(Math.max(next, 0), bars.length - 1)].focus();
}

function startVideo(video) {
  const startS = Number(video.dataset.start);
  video.classList.add("moving");
  for (const event of ["seeked", "playing", "error"]) {
    video.addEventListener(event, () => video.classList.remove("moving"));
  }
  video.addEventListener(
    "loadedmetadata",
    () => {
      video.currentTime = startS;
      video.dataset.started = "true";
      video.play().catch(() => {});
    },
    { once: true }
  );
  video.addEventListener("error", () => {
    video.parentElement.querySelector(".player-error").hidden = false;
  });
}

// Seconds by which a film may stand outside the appearance beside it: seeking is not exact.
const TOLERANCE_S = 0.3;

// Keep face and figures, the mark on the timeline and the film at one appearance.
function followFilm(root, offsetS) {
  const view = root.querySelector(".film-view");
  const video = view?.querySelector("video");
  if (!video) return;
  const strip = view.querySelector(".strip");
  const playhead = strip?.appendChild(document.createElement("span"));
  if (playhead) playhead.className = "playhead";
  const panels = [...view.querySelectorAll("section[data-moment]")];
  const follow = () => {
    // Until the first seek is done, the film stands at its beginning.
    if (video.seeking || !video.dataset.started) return;
    const atS = video.currentTime + offsetS;
    if (playhead) playhead.style.left = `${(100 * atS) / Number(strip.dataset.length)}%`;
    const holds = (panel) =>
      Number(panel.dataset.start) - TOLERANCE_S <= atS && atS <= Number(panel.dataset.end) + TOLERANCE_S;
    const shown = panels.find((panel) => panel.dataset.moment === view.dataset.shown);
    const next = shown && holds(shown) ? shown : bestOf(view, panels.filter(holds));
    if (next && next !== shown) showMoment(root, next.dataset.moment);
    view.querySelector(".outside").hidden = Boolean(next);
    for (const panel of panels) panel.classList.toggle("faint", !next);
  };
  for (const event of ["timeupdate", "seeked"]) video.addEventListener(event, follow);
  video.addEventListener("seeking", () => panels.forEach((panel) => panel.classList.add("faint")));
}

// The appearance on top of the timeline, as a click at this time would choose it.
function bestOf(view, panels) {
  const weight = (panel) =>
    Number(view.querySelector(`.bar[data-track="${CSS.escape(panel.dataset.moment)}"]`)?.style.zIndex || 0);
  return panels.sort((a, b) => weight(b) - weight(a))[0];
}

function showMoment(root, track) {
  const view = root.querySelector(".film-view");
  if (!view) return;
  view.dataset.shown = track;
  for (const part of view.querySelectorAll("[data-moment]")) {
    part.hidden = part.dataset.moment !== track;
    part.classList.remove("faint");
  }
  view.querySelector(".outside").hidden = true;
  for (const bar of view.querySelectorAll(".bar")) {
    const now = bar.dataset.track === track;
    bar.classList.toggle("now", now);
    if (now) bar.setAttribute("aria-current", "true");
    else bar.removeAttribute("aria-current");
  }
}

function emptyPlayer(root) {
  const video = root.querySelector("video");
  if (!video) return;
  video.pause();
  const empty = document.createElement("div");
  empty.className = "player preparing";
  empty.setAttribute("role", "status");
  empty.textContent = root.querySelector(".film-view").dataset.preparing;
  video.replaceWith(empty);
}
