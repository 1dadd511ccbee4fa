(parent, task, answer, name) => {
  const found = answer[`${name}_answer`], score = `${(100 * answer[`${name}_score`]).toFixed(1)} %`;
  add(parent, "p", found ? `${found} (${score})` : `The text does not answer this (${score}).`, "value");
  if (!found) return;
  const letters = Array.from(asked.text_pair);
  const [start, end] = [answer[`${name}_start`], answer[`${name}_end`]];
  const context = add(parent, "p", letters.slice(0, start).join(""), "context");
  add(context, "mark", letters.slice(start, end).join(""));
  context.append(letters.slice(end).join(""));
}
