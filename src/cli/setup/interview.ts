import type {Setup} from './gateway-file.ts'
import {type AnswerFault, judge} from './judge.ts'
import {type Answers, type Machine, NONE, QUESTIONS, type Question, SITE_QUESTIONS} from './questions.ts'

export interface Person {
  readonly say: (text: string) => void
  /** What is typed into a line; null: nobody is there any more. */
  readonly ask: () => Promise<string | null>
}

/** Asks for everything that is not said yet; each answer is judged at once, and asked for again. null: the person has gone. */
export async function interview(said: Setup, machine: Machine, person: Person): Promise<Setup | null> {
  person.say(
    `An empty line takes what stands in brackets; \`${NONE}\` is nothing; Ctrl-C ends it, and nothing was changed.\n`,
  )
  let answers = said.answers
  for (const question of QUESTIONS) {
    if (question.id === 'authorities') {
      const asked = await askForSites({answers, sites: said.sites}, machine, person)
      if (asked === null) return null
      said = asked
    }
    if (answers[question.id] !== undefined || question.when?.(answers) === false) continue
    const judged = (answer: string): AnswerFault[] =>
      judge({answers: {...answers, [question.id]: answer}, sites: said.sites}, machine)
    const answer = await askOne(question, answers, machine, person, judged)
    if (answer === null) return null
    answers = {...answers, [question.id]: answer}
  }
  return {answers, sites: said.sites}
}

async function askForSites(said: Setup, machine: Machine, person: Person): Promise<Setup | null> {
  let {sites} = said
  // Who named some in a file has named all.
  for (let more = sites.length === 0; more; ) {
    let site: Answers = {}
    for (const question of SITE_QUESTIONS) {
      const judged = (answer: string): AnswerFault[] =>
        judge({answers: said.answers, sites: [...sites, {...site, [question.id]: answer}]}, machine)
      const answer = await askOne(question, {...said.answers, ...site}, machine, person, judged)
      if (answer === null) return null
      site = {...site, [question.id]: answer}
      more = site.name !== NONE
      if (!more) break
    }
    if (more) sites = [...sites, site]
  }
  return {...said, sites}
}

async function askOne(
  question: Question,
  answers: Answers,
  machine: Machine,
  person: Person,
  judged: (answer: string) => readonly AnswerFault[],
): Promise<string | null> {
  const proposal = question.propose(answers, machine)
  const found = question.found?.(answers, machine) ?? []
  const label = SITE_QUESTIONS.includes(question) && answers.name ? `${question.id} of ${answers.name}` : question.id
  person.say(`\n${question.text}\n${found.map((line) => `  ${line}\n`).join('')}`)
  for (;;) {
    person.say(`${label}${proposal === null ? '' : ` [${proposal}]`}: `)
    const typed = await person.ask()
    if (typed === null) return null
    const answer = typed.trim() || proposal
    if (answer === null) {
      person.say('  there is nothing to take here: please answer\n')
      continue
    }
    // What is only noted was noted when it was answered.
    const faults = judged(answer).filter(({severity, id}) => severity === 'error' || id === question.id)
    for (const {detail, remedy, severity} of faults) {
      person.say(`  ${severity === 'error' ? 'no' : 'note'}: ${detail}${remedy ? `; ${remedy}` : ''}\n`)
    }
    if (faults.every(({severity}) => severity !== 'error')) return answer
  }
}
