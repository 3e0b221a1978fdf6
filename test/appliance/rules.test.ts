import assert from 'node:assert/strict'
import {spawnSync} from 'node:child_process'
import {existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {parse} from 'yaml'
import type {AlertCase} from './alert-case.ts'
import {CASES, TARGET} from './alert-cases.ts'
import {metricsIn, metricsOfReference} from './metric-names.ts'

const ROOT = path.resolve(import.meta.dirname, '../..')
const FOLDER = path.join(ROOT, 'appliance/prometheus')
const RULES = path.join(FOLDER, 'isthmus.rules.yaml')

interface Rule {
  readonly record?: string
  readonly alert?: string
  readonly expr: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
}
const {groups}: {groups: readonly {name: string; rules: readonly Rule[]}[]} = parse(readFileSync(RULES, 'utf8'))
const rules = groups.flatMap((group) => group.rules)
const alerts = rules.filter(({alert}) => alert !== undefined)
const nameOf = ({alert, labels}: Rule): string => `${alert} ${labels?.severity}`

describe('rules of Prometheus', () => {
  it('are right, and so are the examples beside them', () => {
    for (const args of [
      ['check', 'rules', RULES],
      ['check', 'config', path.join(FOLDER, 'prometheus.yaml')],
    ]) {
      const {status, stdout, stderr} = spawnSync('promtool', args, {encoding: 'utf8'})
      assert.equal(status, 0, `${stdout}${stderr}`)
    }
  })

  it('ask for metrics that the reference has', () => {
    const recorded = new Set(rules.flatMap(({record}) => record ?? []))
    const known = metricsOfReference(readFileSync(path.join(ROOT, 'docs/reference/metrics.md'), 'utf8'))
    const asked = rules.flatMap(({expr}) => metricsIn(expr))
    assert.ok(asked.length > 40)
    assert.deepEqual(
      asked.filter((name) => !known.has(name) && !recorded.has(name)),
      [],
    )
  })

  it('have a runbook for each alert, which says what it means, how to check and how to repair; and no other is there', () => {
    const wanted = new Set(alerts.map(({alert}) => `${alert}.md`))
    const files = readdirSync(path.join(ROOT, 'docs/runbooks')).filter((file) => file !== 'README.md')
    assert.deepEqual(files.sort(), [...wanted].sort())
    for (const {alert, annotations} of alerts) {
      assert.equal(annotations?.runbook_url, `docs/runbooks/${alert}.md`)
      const text = readFileSync(path.join(ROOT, annotations.runbook_url), 'utf8')
      const headings = [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => heading)
      assert.deepEqual(headings, [alert, 'What it means', 'How to check', 'How to repair'])
    }
  })

  it('have runbooks whose commands the command line has', () => {
    const reference = readFileSync(path.join(ROOT, 'docs/reference/cli.md'), 'utf8')
    const known = new Set([...reference.matchAll(/`isthmus ([a-z-]+)/g)].map(([, word]) => word))
    const asked = alerts.flatMap(({alert}) => {
      const text = readFileSync(path.join(ROOT, `docs/runbooks/${alert}.md`), 'utf8')
      return [...text.matchAll(/(?:^ {4}|`)isthmus ([a-z-]+)/gm)].map(([, word]) => word)
    })
    assert.ok(asked.length > 60)
    assert.deepEqual(
      asked.filter((word) => !known.has(word)),
      [],
    )
  })

  it('have runbooks whose links lead somewhere', () => {
    for (const {alert} of alerts) {
      const text = readFileSync(path.join(ROOT, `docs/runbooks/${alert}.md`), 'utf8')
      for (const [, link] of text.matchAll(/\]\(([^)#]+)/g)) {
        assert.ok(existsSync(path.join(ROOT, 'docs/runbooks', link!)), `${alert}: ${link}`)
      }
    }
  })

  it('say how bad an alert is in one of three words', () => {
    for (const rule of alerts) assert.match(rule.labels?.severity ?? '', /^(critical|warning|info)$/, rule.alert)
  })

  it('have a case for every alert and severity', () => {
    const tried = new Set(CASES.map(({alert, severity = 'warning'}) => `${alert} ${severity}`))
    assert.deepEqual([...tried].sort(), [...new Set(alerts.map(nameOf))].sort())
    // One of its times, or other series, must be without the alert: else the rule could be anything.
    for (const {alert, quiet, never} of CASES) assert.ok(never || quiet, alert)
  })
})

describe('alerts', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'isthmus-rules-'))
  after(() => rmSync(folder, {recursive: true}))

  /** The rules without all other alerts: promtool evaluates every one at every step. */
  function onlyOf(alert: string): string {
    const file = path.join(folder, `${alert}.rules.yaml`)
    const kept = groups.map((group) => ({
      ...group,
      rules: group.rules.filter((rule) => rule.record !== undefined || rule.alert === alert),
    }))
    writeFileSync(file, JSON.stringify({groups: kept}))
    return file
  }

  for (const [index, one] of CASES.entries()) {
    it(`${one.alert} (${one.severity ?? 'warning'}) fires when it must, and not else: ${index}`, () => {
      const file = path.join(folder, `${index}.yaml`)
      const evaluation_interval = one.interval ?? '15s'
      writeFileSync(file, JSON.stringify({rule_files: [onlyOf(one.alert)], evaluation_interval, tests: groupsOf(one)}))
      const {status, stdout, stderr} = spawnSync('promtool', ['test', 'rules', file], {encoding: 'utf8'})
      assert.equal(status, 0, `${stdout}${stderr}`)
    })
  }
})

/** What promtool takes: whether the alert is firing, as a query of its own series. */
function groupsOf({
  alert,
  severity = 'warning',
  labels,
  series,
  fires,
  quiet = [],
  never,
  ofSite,
  interval,
}: AlertCase) {
  const {site, gateway} = TARGET
  const expected = {alertname: alert, alertstate: 'firing', severity, site, ...(ofSite ? {} : {gateway}), ...labels}
  const expr = `ALERTS{alertname="${alert}",alertstate="firing",severity="${severity}"}`
  const text = Object.entries(expected).map(([label, value]) => `${label}=${JSON.stringify(value)}`)
  const firing = {expr, eval_time: fires, exp_samples: [{labels: `ALERTS{${text.join(',')}}`, value: 1}]}
  const silent = (time: string) => ({expr, eval_time: time, exp_samples: []})
  const group = (input: Readonly<Record<string, string>>, tests: readonly object[]) => ({
    interval: interval ?? '15s',
    input_series: Object.entries(input).map(([name, values]) => ({series: withTarget(name), values})),
    promql_expr_test: tests,
  })
  const groups = [group(series, [firing, ...quiet.map(silent)])]
  return never ? [...groups, group(never, [silent(fires), ...quiet.map(silent)])] : groups
}

/** The labels that a scrape gives, where the series does not say otherwise. */
function withTarget(series: string): string {
  const [name, inner = ''] = series.replace(/\}$/, '').split('{')
  const given = Object.entries(TARGET).filter(([label]) => !new RegExp(`(^|,)${label}=`).test(inner))
  const all = [...(inner === '' ? [] : [inner]), ...given.map(([label, value]) => `${label}="${value}"`)]
  return `${name}{${all.join(',')}}`
}
