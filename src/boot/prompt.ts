import type { Prompt } from '#cli/kit.ts'
import { refuse } from '#kernel/problem.ts'

/** Questions with inquirer, on stderr, so that a result may go into a pipe meanwhile. */
export const terminalPrompt: Prompt = {
  confirm: ({ message, initial = false }) => ask({ type: 'confirm', message, default: initial }),
  input: ({ message, initial, validate }) =>
    ask({
      type: 'input',
      message,
      ...(initial === undefined ? {} : { default: initial }),
      ...(validate === undefined ? {} : { validate: (answer: string) => validate(answer) ?? true }),
    }),
  password: ({ message }) => ask({ type: 'password', message, mask: '*' }),
  select: ({ message, choices }) =>
    ask({ type: 'select', message, choices: choices.map(choiceOf) }),
  checkbox: ({ message, choices, required = false }) =>
    ask({ type: 'checkbox', message, required, choices: choices.map(choiceOf) }),
}

const choiceOf = <T extends string>(choice: {
  readonly value: T
  readonly name?: string | undefined
  readonly about?: string | undefined
}) => ({
  value: choice.value,
  name: choice.name ?? choice.value,
  ...(choice.about === undefined ? {} : { description: choice.about }),
})

async function ask<T>(question: Readonly<Record<string, unknown>>): Promise<T> {
  const { default: inquirer } = await import('inquirer')
  const prompt = inquirer.createPromptModule({ output: process.stderr })
  try {
    const answers = (await prompt([{ ...question, name: 'answer' } as never])) as { answer: T }
    return answers.answer
  } catch (failure) {
    if (failure instanceof Error && failure.name === 'ExitPromptError') {
      return refuse('interrupted', 'the question was left unanswered, and nothing was done')
    }
    throw failure
  }
}
