(parent, task, answer, name) => {
  const words = asked.text.split(/[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/);
  const paragraph = add(parent, "p", "", "words");
  words.filter(word => word).forEach((word, index) => {
    const tag = answer[`${name}_tags`][index];
    if (index) paragraph.append(" ");
    const marked = add(paragraph, tag === "O" ? "span" : "mark", word);
    if (tag !== "O") add(marked, "small", tag);
  });
}
