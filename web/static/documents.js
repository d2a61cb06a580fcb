// CNPJ and CPF: punctuation while one types, and whether the check digits match.

const NOTES = { ok: "field-ok", bad: "field-error", none: "hint" };

const characters = (text) => text.toUpperCase().replace(/[^0-9A-Z]/g, "");

// The value of a character is its code minus that of "0": 0 to 9, then A = 17 (IN RFB 2.229/2024).
const value = (character) => character.charCodeAt(0) - 48;

function digit(base, longestWeight) {
  let weight = 2;
  let sum = 0;
  for (const character of [...base].reverse()) {
    sum += value(character) * weight;
    weight = weight === longestWeight ? 2 : weight + 1;
  }
  const rest = sum % 11;
  return rest < 2 ? 0 : 11 - rest;
}

function checks(text, length, longestWeight) {
  const base = text.slice(0, length - 2);
  const first = digit(base, longestWeight);
  return text.slice(length - 2) === `${first}${digit(base + first, longestWeight)}`;
}

export function cnpjProblem(text) {
  if (text.length < 14) return null;
  if (!/^[0-9A-Z]{12}[0-9]{2}$/.test(text)) return "Um CNPJ tem 14 caracteres e termina em dois dígitos.";
  if (/^(.)\1*$/.test(text) || !checks(text, 14, 9)) return "Os dígitos verificadores não conferem.";
  return "";
}

export function cpfProblem(text) {
  if (text.length !== 11) return null;
  if (!/^[0-9]{11}$/.test(text) || /^(.)\1*$/.test(text) || !checks(text, 11, 12)) return "Os dígitos verificadores não conferem.";
  return "";
}

const split = (text, pieces) => {
  let out = "";
  let from = 0;
  for (const [length, after] of pieces) {
    const piece = text.slice(from, from + length);
    out += piece;
    from += length;
    if (text.length > from) out += after;
    else break;
  }
  return out;
};

export const maskCnpj = (text) => split(text.slice(0, 14), [[2, "."], [3, "."], [3, "/"], [4, "-"], [2, ""]]);
export const maskCpf = (text) => split(text.slice(0, 11), [[3, "."], [3, "."], [3, "-"], [2, ""]]);

const isCpf = (text) => /^[0-9]{0,11}$/.test(text);

const KINDS = {
  cnpj: (text) => ({ shown: maskCnpj(text), problem: cnpjProblem(text), name: "CNPJ" }),
  cpf: (text) =>
    isCpf(text)
      ? { shown: maskCpf(text), problem: cpfProblem(text), name: "CPF" }
      : { shown: maskCnpj(text), problem: cnpjProblem(text), name: "CNPJ" },
};

// Put the caret behind the same number of significant characters as before.
function place(input, significant) {
  let seen = 0;
  let at = 0;
  while (at < input.value.length && seen < significant) {
    if (/[0-9A-Z]/.test(input.value[at])) seen += 1;
    at += 1;
  }
  input.setSelectionRange(at, at);
}

function tell(input, note, kind) {
  const text = characters(input.value);
  const { shown, problem, name } = kind(text);
  if (input.value !== shown) {
    const before = characters(input.value.slice(0, input.selectionStart ?? input.value.length)).length;
    input.value = shown;
    if (document.activeElement === input) place(input, before);
  }
  input.classList.toggle("is-valid", problem === "");
  input.classList.toggle("is-invalid", Boolean(problem));
  note.className = `live-note ${NOTES[problem === null ? "none" : problem ? "bad" : "ok"]}`;
  note.textContent = problem ? problem : problem === "" ? `${name} válido.` : "";
}

export function watchDocuments(root = document) {
  for (const input of root.querySelectorAll("[data-document]")) {
    const note = document.createElement("p");
    note.id = `${input.id}-live`;
    note.setAttribute("role", "status");
    input.after(note);
    input.setAttribute("aria-describedby", `${input.getAttribute("aria-describedby") ?? ""} ${note.id}`.trim());
    const refused = input.classList.contains("is-invalid");
    const update = () => tell(input, note, KINDS[input.dataset.document]);
    input.addEventListener("input", update);
    if (refused || !input.value) note.className = "live-note hint";
    else update();
  }
}
