(parent, task, answer, name) => {
  const table = add(parent, "table");
  const rows = task.labels.map((label, index) => [label, answer[`${name}_probabilities`][index]]);
  rows.sort((left, right) => right[1] - left[1]);
  for (const [label, probability] of rows.slice(0, task.options.top_k ?? rows.length)) {
    addShare(table, label, probability, label === answer[`${name}_label`]);
  }
  if (!answer[`${name}_label`]) {
    add(parent, "p", `No label: no probability reaches ${(100 * task.options.abstain_below).toFixed(0)} %.`, "value");
  }
}
