export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".vs");
  if (root.dataset.stamp !== data.stamp) {
    root.dataset.stamp = data.stamp;
    root.innerHTML = data.html;
    for (const film of root.querySelectorAll("video[data-start]")) start(film);
  }
  root.onclick = (event) => {
    const button = event.target.closest("[data-act]");
    if (!button) return;
    const film = root.querySelector("video");
    if (button.dataset.act === "seek" && film) {
      film.currentTime = Number(button.dataset.at) - Number(data.offset || 0);
      film.play().catch(() => {});
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

function start(film) {
  const at = Number(film.dataset.start);
  film.addEventListener(
    "loadedmetadata",
    () => {
      film.currentTime = at;
      film.play().catch(() => {});
    },
    { once: true }
  );
  film.addEventListener("error", () => {
    film.parentElement.querySelector(".film-error").hidden = false;
  });
}
