import type {Finding} from '../../model/index.ts'
import {type Path, readYaml} from '../../yaml/index.ts'
import type {Setup} from './gateway-file.ts'
import type {AnswerFault} from './judge.ts'
import {type Answers, NONE} from './questions.ts'

export interface ReadAnswers {
  readonly setup: Setup
  readonly findings: readonly Finding[]
  /** Says a fault by its place in the file. */
  readonly place: (fault: AnswerFault) => Finding
}

/** A file of answers: what would be typed, by the key of each question, and `sites`, a list of such. */
export function readAnswers(text: string, file: string): ReadAnswers {
  const source = `answers ${file}`
  const document = readYaml(text)
  const finding = (path: Path, rest: Pick<Finding, 'code' | 'severity' | 'detail' | 'remedy'>): Finding => {
    const field = path.map(String).join('.')
    return {...rest, where: {source, ...(field === '' ? {} : {field}), ...document.at(path)}}
  }
  const findings = document.faults.map(
    ({line, column, message}): Finding => ({
      ...{code: 'config-syntax', severity: 'error', detail: `not YAML: ${message}`},
      where: {source, line, column},
    }),
  )
  const invalid = (path: Path, detail: string): void => {
    findings.push(finding(path, {code: 'config-invalid', severity: 'error', detail}))
  }
  const textOf = (value: unknown, path: Path): string | null => {
    if (value === null) return NONE
    if (['string', 'number', 'boolean'].includes(typeof value)) return String(value).trim()
    if (Array.isArray(value)) {
      const items = value.map((item, index) => (Array.isArray(item) ? null : textOf(item, [...path, index])))
      if (items.every((item) => item !== null)) return items.length === 0 ? NONE : items.join(', ')
    }
    invalid(path, 'must be a word, a number or a list of such')
    return null
  }
  const answersOf = (value: unknown, path: Path): Answers => {
    if (value === null || value === undefined) return {}
    if (typeof value !== 'object' || Array.isArray(value)) {
      invalid(path, 'must be answers: `KEY: ANSWER`, a line each')
      return {}
    }
    const entries = Object.entries(value).flatMap(([key, one]) => {
      if (key === 'sites' && path.length === 0) return []
      const answer = textOf(one, [...path, key])
      return answer === null ? [] : [[key, answer] as const]
    })
    return Object.fromEntries(entries)
  }
  const value = findings.length === 0 ? document.value : null
  const answers = answersOf(value, [])
  const listed: unknown = typeof value === 'object' && value !== null && 'sites' in value ? value.sites : []
  if (listed !== null && !Array.isArray(listed))
    invalid(['sites'], 'must be a list of sites, each with `name` and more')
  const sites = Array.isArray(listed) ? listed.map((one, index) => answersOf(one, ['sites', index])) : []
  const place = ({id, site, code, severity, detail, remedy}: AnswerFault): Finding => {
    const path = site === null ? [id] : ['sites', site, id]
    return finding(path, {code, severity, detail, ...(remedy ? {remedy} : {})})
  }
  return {setup: {answers, sites}, findings, place}
}
