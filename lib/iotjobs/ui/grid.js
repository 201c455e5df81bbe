/* What a person does in a live table, told to the kernel; it answers with the table's HTML, all of it escaped there. */
const PAUSE_MS = 150;

export default {
  render({ model, el }) {
    el.classList.add("iotjobs-grid");
    el.setAttribute("data-lm-suppress-shortcuts", "true"); // JupyterLab's own keys stay out of the table
    let timer;
    const tell = (what) => model.send(what);

    const draw = () => {
      const active = el.contains(document.activeElement) ? document.activeElement : null;
      const key = active?.dataset.key;
      const [value, caret] = [active?.value, active?.selectionStart];
      el.innerHTML = model.get("html");
      const again = key && el.querySelector(`[data-key="${CSS.escape(key)}"]`);
      if (again) {
        if (again.tagName === "INPUT") again.value = value;
        again.focus({ preventScroll: true });
        if (again.tagName === "INPUT") again.setSelectionRange(caret, caret);
      } else if (key?.startsWith("row")) {
        el.querySelector("tr[data-place]")?.focus({ preventScroll: true });
      }
    };

    const beside = (row, step) => {
      const rows = [...el.querySelectorAll("tr[data-place]")];
      return rows[rows.indexOf(row) + step] ?? row;
    };

    el.addEventListener("click", (event) => {
      const button = event.target.closest("button[data-do]");
      const above = event.target.closest("tr.below")?.previousElementSibling; // words under a row are the row's
      const row = above ?? event.target.closest("tr[data-place]");
      if (button) tell({ do: button.dataset.do, value: button.dataset.value });
      else if (row && !getSelection().toString()) {
        row.focus({ preventScroll: true });
        tell({ do: "choose", value: row.dataset.place });
      }
    });
    el.addEventListener("change", (event) => {
      const { do: act } = event.target.dataset;
      if (event.target.matches("select")) tell({ do: act, value: event.target.value });
    });
    el.addEventListener("input", (event) => {
      const { do: act, name } = event.target.dataset;
      if (act !== "search" && act !== "filter") return;
      clearTimeout(timer);
      timer = setTimeout(() => tell({ do: act, name, value: event.target.value }), PAUSE_MS);
    });
    el.addEventListener("keydown", (event) => {
      const row = event.target.closest("tr[data-place]");
      const first = el.querySelector("tr[data-place]");
      const typing = event.target.matches("input, select");
      if (event.key === "/" && !typing) el.querySelector("input[type=search]").focus();
      else if (event.key === "ArrowDown" && event.target.matches("input")) first?.focus();
      else if (event.key === "Enter" && event.target.type === "search" && first) tell({ do: "choose", value: first.dataset.place });
      else if (!row) return;
      else if (event.key === "ArrowDown" || event.key === "ArrowUp") beside(row, event.key === "ArrowDown" ? 1 : -1).focus();
      else if (event.key === "Enter" || event.key === " ") tell({ do: "choose", value: row.dataset.place });
      else if (event.key === "PageDown") el.querySelector("button.next")?.click();
      else if (event.key === "PageUp") el.querySelector("button.previous")?.click();
      else return;
      event.preventDefault();
      event.stopPropagation();
    });

    model.on("change:html", draw);
    model.on("msg:custom", async (message) => {
      if (message.do === "csv") {
        const link = document.createElement("a");
        link.href = URL.createObjectURL(new Blob([message.text], { type: "text/csv" }));
        link.download = message.name;
        link.click();
        URL.revokeObjectURL(link.href);
      } else if (message.do === "copy") {
        await navigator.clipboard.writeText(message.text);
        const button = el.querySelector('button[data-do="copy"]');
        if (button) button.textContent = "Copied";
      }
    });
    draw();
    if (model.get("reveal")) { // once: "Run All" leaves a person at the notebook's end
      model.set("reveal", false);
      model.save_changes();
      const whole = () => (el.closest(".iotjobs-plan") ?? el.closest(".iotjobs-live"))?.scrollIntoView({ block: "start" });
      const timers = [0, 400, 1200, 2500].map((pause) => setTimeout(whole, pause));
      const stop = () => timers.forEach(clearTimeout);
      for (const act of ["wheel", "keydown", "pointerdown"]) addEventListener(act, stop, { once: true, passive: true });
    }
  },
};
