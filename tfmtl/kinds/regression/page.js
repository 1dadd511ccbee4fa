(parent, task, answer, name) => add(parent, "p", answer[`${name}_score`].toPrecision(4), "value")
