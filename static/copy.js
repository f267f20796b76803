// Secrets that are shown once: taken whole at a touch, and copied by a button.
for (const field of document.querySelectorAll("[data-secret]")) {
  field.addEventListener("focus", () => field.select());
}
for (const button of document.querySelectorAll("[data-copy]")) {
  const field = document.getElementById(button.dataset.copy);
  const said = button.closest(".field").querySelector("[data-copied]");
  button.hidden = false;
  button.addEventListener("click", async () => {
    field.select();
    // Only pages that came over TLS may write to the clipboard; the older way works everywhere.
    try { await navigator.clipboard.writeText(field.value); } catch {
      if (!document.execCommand("copy")) return;
    }
    said.textContent = said.dataset.copied;
  });
}
