// `npm run bench -- NAME [--only PART] [--quick] [--json FILE]`: runs bench/NAME.bench.ts, prints its results, status 1
// when a goal is missed. `--only` and `--quick` (few rounds, for trying) are for the benches that have parts.
import {readdirSync, writeFileSync} from 'node:fs'
import {parseArgs} from 'node:util'
import {type Column, formatTable} from '../src/cli/table.ts'
import {type Bench, type BenchResult, currentEnvironment, meetsGoal} from './result.ts'

const NAMES = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.bench.ts'))
  .map((file) => file.slice(0, -'.bench.ts'.length))
  .sort()

const {values, positionals} = parseArgs({
  options: {json: {type: 'string'}, only: {type: 'string'}, quick: {type: 'boolean', default: false}},
  allowPositionals: true,
})
const [name, ...rest] = positionals
if (name === undefined || rest.length > 0 || !NAMES.includes(name)) {
  console.error(
    `usage: npm run bench -- NAME [--only PART] [--quick] [--json FILE], where NAME is one of: ${NAMES.join(', ')}`,
  )
  process.exit(2)
}

// A bench that is told to end removes its namespaces on the way out.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

const environment = currentEnvironment()
const {bench}: {bench: Bench} = await import(`./${name}.bench.ts`)
const results = await bench({only: values.only ?? null, quick: values.quick})

const number = (value: number | undefined): string => (value === undefined ? '' : String(Number(value.toPrecision(4))))
const COLUMNS: readonly Column<BenchResult>[] = [
  {title: 'RESULT', value: (result) => result.name},
  {title: 'VALUE', value: ({value}) => number(value), right: true},
  {title: 'LOW', value: ({low}) => number(low), right: true},
  {title: 'HIGH', value: ({high}) => number(high), right: true},
  {title: 'UNIT', value: ({unit}) => unit},
  {title: 'GOAL', value: ({goal}) => (environment === 'tcg' ? '' : (goal ?? ''))},
  {title: 'MET', value: (result) => ({true: 'yes', false: 'NO', null: ''})[`${meetsGoal(result, environment)}`]},
]
console.log(`${name} (${environment})\n${formatTable(COLUMNS, results)}`)
if (values.json) writeFileSync(values.json, `${JSON.stringify({bench: name, environment, results}, null, 2)}\n`)
if (results.some((result) => meetsGoal(result, environment) === false)) process.exitCode = 1
