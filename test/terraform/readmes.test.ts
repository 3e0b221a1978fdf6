import assert from 'node:assert/strict'
import {readdirSync, readFileSync, writeFileSync} from 'node:fs'
import path from 'node:path'
import {type Body, readModule} from '../support/terraform-module.ts'

const TERRAFORM = path.resolve(import.meta.dirname, '../../terraform')

/** Inputs and outputs of a module as its README has them; `WRITE=1` writes them there. */
function tables(variables: ReadonlyMap<string, Body>, outputs: ReadonlyMap<string, Body>): string {
  const cell = (text: string): string => text.replaceAll(/\s+/g, ' ').replaceAll('|', '\\|')
  const type = (body: Body): string => `\`${cell(String(body.type).replace(/^\$\{([\s\S]*)\}$/, '$1'))}\``
  const fallback = (body: Body): string => ('default' in body ? `\`${JSON.stringify(body.default)}\`` : 'required')
  const rows = (lines: readonly string[][]): string => lines.map((line) => `| ${line.join(' | ')} |\n`).join('')
  const inputs = [...variables].map(([name, body]) => [
    `\`${name}\``,
    cell(String(body.description)),
    type(body),
    fallback(body),
  ])
  const given = [...outputs].map(([name, body]) => [`\`${name}\``, cell(String(body.description))])
  const nothing = rows([['none', '']])
  return [
    `## Inputs\n\n| name | meaning | type | default |\n| --- | --- | --- | --- |\n${rows(inputs)}`,
    `## Outputs\n\n| name | meaning |\n| --- | --- |\n${given.length > 0 ? rows(given) : nothing}`,
  ].join('\n')
}

/** The formatter pads the cells of a table. */
const squeeze = (text: string): string => text.replaceAll(/ +/g, ' ').replaceAll(/-{3,}/g, '---').trim()

describe("READMEs of terraform's modules and examples", () => {
  for (const kind of ['modules', 'examples']) {
    for (const name of readdirSync(path.join(TERRAFORM, kind))) {
      it(`${kind}/${name}: inputs and outputs are those of the module, each with its meaning`, async () => {
        const folder = path.join(TERRAFORM, kind, name)
        const {variables, outputs} = await readModule(folder)
        for (const body of [...variables.values(), ...outputs.values()]) assert.ok(body.description)
        const file = path.join(folder, 'README.md')
        const text = readFileSync(file, 'utf8')
        const [head] = text.split('## Inputs')
        const expected = `${head}${tables(variables, outputs)}`
        if (process.env.WRITE) writeFileSync(file, expected)
        else
          assert.equal(squeeze(text), squeeze(expected), 'WRITE=1 npx mocha test/terraform/readmes.test.ts writes it')
      })
    }
  }
})
