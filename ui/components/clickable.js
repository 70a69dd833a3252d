export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".vs");
  if (root.dataset.stamp !== data.stamp) {
    const focused = root.getRootNode().activeElement;
    const marks = focused && root.contains(focused) ? { ...focused.dataset } : null;
    root.dataset.stamp = data.stamp;
    root.innerHTML = data.html;
    if (marks) focusAgain(root, marks);
    for (const video of root.querySelectorAll("video[data-start]")) start(video);
  }
  root.onkeydown = alongTimeline;
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
    const box = new DataTransfer();
    files.forEach((file) => box.items.add(file));
    input.files = box.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
    event.preventDefault();
  };
  document.addEventListener("paste", paste);
  return () => document.removeEventListener("paste", paste);
}

// New HTML took the place of the button that was just pressed: whoever uses the keyboard goes on
// from the one that does the same.
function focusAgain(root, marks) {
  const same = (button) => Object.keys(marks).every((name) => button.dataset[name] === marks[name]);
  [...root.querySelectorAll("[data-act]")].find(same)?.focus({ preventScroll: true });
}

function alongTimeline(event) {
  const strip = event.target.closest?.(".strip");
  if (!strip) return;
  const bars = [...strip.querySelectorAll(".bar")];
  const at = bars.indexOf(event.target);
  const to = {
    ArrowRight: at + 1,
    ArrowLeft: at - 1,
    Home: 0,
    End: bars.length - 1,
  }[event.key];
  if (to === undefined || at < 0) return;
  event.preventDefault();
  bars[Math.min(Math.max(to, 0), bars.length - 1)].focus();
}

function start(video) {
  const at = Number(video.dataset.start);
  video.addEventListener(
    "loadedmetadata",
    () => {
      video.currentTime = at;
      video.play().catch(() => {});
    },
    { once: true }
  );
  video.addEventListener("error", () => {
    video.parentElement.querySelector(".player-error").hidden = false;
  });
}
