(parent, task, answer, name) => add(parent, "p", answer[`${name}_translation`], "value")
