export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".vs");
  if (root.dataset.stamp !== data.stamp) {
    const focused = root.getRootNode().activeElement;
    const focusedData = focused && root.contains(focused) ? { ...focused.dataset } : null;
    root.dataset.stamp = data.stamp;
    root.innerHTML = data.html;
    if (focusedData) restoreFocus(root, focusedData);
    for (const video of root.querySelectorAll("video[data-start]")) startVideo(video);
  }
  root.onkeydown = moveAlongTimeline;
  root.onclick = (event) => {
    const button = event.target.closest("[data-act]");
    if (!button) return;
    const video = root.querySelector("video");
    if (button.dataset.act === "seek" && video) {
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
  video.addEventListener(
    "loadedmetadata",
    () => {
      video.currentTime = startS;
      video.play().catch(() => {});
    },
    { once: true }
  );
  video.addEventListener("error", () => {
    video.parentElement.querySelector(".player-error").hidden = false;
  });
}
