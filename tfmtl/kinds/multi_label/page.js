(parent, task, answer, name) => {
  const table = add(parent, "table");
  const rows = task.labels.map((label, index) =>
    [label, answer[`${name}_probabilities`][index], answer[`${name}_selected`][index]]);
  rows.sort((left, right) => right[2] - left[2] || right[1] - left[1]);
  const most = task.options.top_k ?? rows.length;
  const shown = rows.filter(([, , isSelected], place) => isSelected || place < most);
  for (const [label, probability, isSelected] of shown) addShare(table, label, probability, isSelected);
}
