import type {Setup} from './gateway-file.ts'
import type {AnswerFault} from './judge.ts'
import {type Answers, type Machine, QUESTIONS, type Question, SITE_QUESTIONS} from './questions.ts'

/** A machine of which nothing is known. */
const UNKNOWN: Machine = {hostname: '', addresses: [], networks: [], defaultRoute: null}

/**
 * Takes what is proposed for all that nobody answered. What is needed and not proposed is a fault; for another machine only
 * what that one will not propose either, and everything else stays open, for it to propose.
 */
export function settle(
  setup: Setup,
  machine: Machine | null,
): {readonly setup: Setup; readonly faults: readonly AnswerFault[]} {
  const faults: AnswerFault[] = []
  const missing = (question: Question, site: number | null): void => {
    const remedy = `it is: ${question.text}`
    faults.push({code: 'config-missing', severity: 'error', id: question.id, site, detail: 'nothing is said', remedy})
  }
  const answers = settled(QUESTIONS, setup.answers, {}, machine ?? UNKNOWN, (question) => {
    // The machine tells the one, the site's name the other.
    if (question.id !== 'authorities' && (machine || question.id !== 'address')) missing(question, null)
  })
  const sites = setup.sites.map((site, index) =>
    settled(SITE_QUESTIONS, site, answers, machine ?? UNKNOWN, (question) => missing(question, index)),
  )
  return {setup: machine ? {answers, sites} : setup, faults}
}

function settled(
  questions: readonly Question[],
  said: Answers,
  before: Answers,
  machine: Machine,
  missing: (question: Question) => void,
): Answers {
  let answers = said
  for (const question of questions) {
    if (answers[question.id] !== undefined || question.when?.(answers) === false) continue
    const proposal = question.propose({...before, ...answers}, machine)
    if (proposal === null) missing(question)
    else answers = {...answers, [question.id]: proposal}
  }
  return answers
}
