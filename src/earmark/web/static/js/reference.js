// The API page: try an operation.

import { csrf } from "./common.js";
import { t } from "./texts.js";

function fill(form) {
  let path = form.dataset.path;
  const query = new URLSearchParams();
  const body = {};
  const upload = new FormData();
  for (const field of form.querySelectorAll("input")) {
    if (field.type === "file") {
      for (const file of field.files) upload.append(field.name, file);
    } else if (field.dataset.in === "path") {
      path = path.replace(`{${field.name}}`, encodeURIComponent(field.value));
    } else if (field.value !== "") {
      if (field.dataset.in === "query") query.set(field.name, field.value);
      else {
        body[field.name] = field.value;
        upload.append(field.name, field.value);
      }
    }
  }
  return { path: query.size ? `${path}?${query}` : path, body, upload };
}

const dialog = document.getElementById("confirm");

/** Ask whether something is really to be deleted. */
function isMeant(path) {
  document.getElementById("confirm-text").textContent = t("Delete %(path)s from this server?", { path });
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((done) => {
    dialog.addEventListener("close", () => done(dialog.returnValue === "yes"), { once: true });
  });
}

for (const form of document.querySelectorAll(".try")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const { path, body, upload } = fill(form);
    const { method, media } = form.dataset;
    if (method === "DELETE" && !(await isMeant(path))) return;
    const headers = method === "GET" ? {} : { "X-CSRF-Token": csrf };
    if (media === "application/json") headers["Content-Type"] = media;
    const shown = form.querySelector(".tried");
    const status = form.querySelector(".tried-status");
    const text = form.querySelector("pre");
    shown.hidden = false;
    status.textContent = t("Asking…");
    text.textContent = "";
    const began = performance.now();
    try {
      const answer = await fetch(path, {
        method,
        headers,
        body: media === "application/json" ? JSON.stringify(body) : media ? upload : undefined,
      });
      const kind = answer.headers.get("Content-Type") ?? "";
      const isText = kind === "" || /json|text|xml|mpegurl/.test(kind);
      const raw = isText ? await answer.text() : t("%(size)s bytes of %(kind)s", { size: (await answer.blob()).size, kind });
      status.textContent = `${answer.status} ${answer.statusText}, ${Math.round(performance.now() - began)} ms`;
      try {
        text.textContent = JSON.stringify(JSON.parse(raw), null, 2);
      } catch {
        text.textContent = raw;
      }
    } catch {
      status.textContent = t("The server does not answer.");
    }
  });
}

// A link to an operation opens it.
function openLinked() {
  const linked = location.hash && document.getElementById(location.hash.slice(1));
  if (linked instanceof HTMLDetailsElement) linked.open = true;
}
addEventListener("hashchange", openLinked);
openLinked();
