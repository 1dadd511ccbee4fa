(parent, task, answer, name) => {
  const words = asked.text.split(/[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/);
  const paragraph = add(parent, "p", "", "words");
  // A tag without a prefix is about a single word, like one with S-.
  const parts = tag => /^([BIES])(?:-(.*))?$/s.exec(tag)?.slice(1) ?? ["S", tag];
  const spans = [];
  let [before, labelBefore] = ["O", ""];
  words.filter(word => word).forEach((word, index) => {
    const tag = answer[`${name}_tags`][index];
    const [prefix, label = ""] = tag === "O" ? ["O"] : parts(tag);
    const goesOn = "IE".includes(prefix) && "BI".includes(before) && label === labelBefore;
    if (goesOn) spans.at(-1).words.push(word);
    else spans.push({ words: [word], label, isMarked: prefix !== "O" });
    [before, labelBefore] = [prefix, label];
  });
  spans.forEach((span, index) => {
    if (index) paragraph.append(" ");
    const shown = add(paragraph, span.isMarked ? "mark" : "span", span.words.join(" "));
    if (span.label) add(shown, "small", span.label);
  });
}
