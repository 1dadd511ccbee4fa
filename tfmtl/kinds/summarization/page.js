(parent, task, answer, name) => add(parent, "p", answer[`${name}_summary`], "value")
