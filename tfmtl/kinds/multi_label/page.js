(parent, task, answer, name) => {
  const table = add(parent, "table");
  const rows = task.labels.map((label, index) =>
    [label, answer[`${name}_probabilities`][index], answer[`${name}_selected`][index]]);
  rows.sort((left, right) => right[2] - left[2] || right[1] - left[1]);
  for (const [label, probability, isSelected] of rows) addShare(table, label, probability, isSelected);
}
