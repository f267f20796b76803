// Data saver: stills instead of live tiles. A choice of this device; without one, what the browser asks for.
const KEY = "falconeye.saver";
let chosen = null;
try { chosen = localStorage.getItem(KEY); } catch { /* storage is switched off: a choice lasts as long as the page */ }

export const saver = {
  get on() { return chosen ? chosen === "on" : Boolean(navigator.connection?.saveData); },
  set on(value) {
    chosen = value ? "on" : "off";
    try { localStorage.setItem(KEY, chosen); } catch { /* as above */ }
    document.dispatchEvent(new Event("falconeye:saver"));
  },
};
