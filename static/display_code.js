// A screen that waits: asks whether somebody has typed its code, and goes on by itself.
const form = document.getElementById("pairing");
const ASK_MS = 2000;
const LONGEST_WAIT_MS = 30_000;
let failures = 0;

async function ask() {
  try {
    const answer = await fetch(form.action, { method: "POST", headers: { accept: "application/json" } });
    if (!answer.ok) throw new Error(`pairing: ${answer.status}`);
    const { state } = await answer.json();
    failures = 0;
    if (state === "waiting") return;
    location.reload();
  } catch (error) {
    console.info(String(error)); // the recorder is away: the code may have ended with it
    failures += 1;
  }
}

for (;;) {
  await new Promise((done) => setTimeout(done, Math.min(LONGEST_WAIT_MS, ASK_MS * 2 ** failures)));
  await ask();
}
