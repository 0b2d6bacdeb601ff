// Theme: takes over the light or dark that the person chose in Airflow, before anything is painted.
"use strict";

(() => {
  const KEY = "theme"; // where Airflow's interface keeps the choice: light, dark or system

  const apply = () => {
    let choice = null;
    try {
      choice = window.localStorage.getItem(KEY);
    } catch {
      choice = null; // storage may be closed to frames: the system's choice holds then
    }
    if (choice === "light" || choice === "dark") {
      document.documentElement.dataset.theme = choice;
    } else {
      delete document.documentElement.dataset.theme;
    }
    document.dispatchEvent(new CustomEvent("themechange"));
  };

  apply();
  window.addEventListener("storage", (event) => {
    if (event.key === KEY || event.key === null) apply();
  });
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", apply);
})();
