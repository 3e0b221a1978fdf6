import assert from 'node:assert/strict'
import {readdirSync} from 'node:fs'
import path from 'node:path'
import {cycles} from '../support/terraform-cycles.ts'
import {type Module, readModule} from '../support/terraform-module.ts'
import {policyBreaches, unusedExceptions} from '../support/terraform-policy.ts'
import {referenceBreaches} from '../support/terraform-references.ts'
import {readSchemas, schemaBreaches} from '../support/terraform-schema.ts'
import {MUTATIONS} from './mutations.ts'

const TERRAFORM = path.resolve(import.meta.dirname, '../../terraform')
const SCHEMAS = readSchemas(path.join(import.meta.dirname, 'schemas'))
const FOLDERS = ['modules', 'examples'].flatMap((kind) =>
  readdirSync(path.join(TERRAFORM, kind)).map((name) => path.join(kind, name)),
)

describe('terraform/', () => {
  const all = new Map<string, Module>()
  const breachesOf = (folder: string, module: Module): string[] => {
    const others = new Map(all).set(module.folder, module)
    return [
      ...schemaBreaches(module, SCHEMAS),
      ...referenceBreaches(module, SCHEMAS, others),
      ...cycles(module, others),
      ...policyBreaches(path.basename(folder), module, SCHEMAS),
    ]
  }

  before(async () => {
    for (const folder of FOLDERS) all.set(path.join(TERRAFORM, folder), await readModule(path.join(TERRAFORM, folder)))
  })

  it('has the modules and examples that the documentation names', () => {
    const expected = [
      ...['aws', 'azure', 'bootstrap', 'exoscale', 'gcp', 'interconnect'].map((name) => `modules/${name}`),
      ...['aws-gcp', 'azure-onprem', 'exoscale-two-zones'].map((name) => `examples/${name}`),
    ]
    assert.deepEqual(FOLDERS.toSorted(), expected.toSorted())
  })

  for (const folder of FOLDERS) {
    it(`${folder} is as the providers' schemas, its own names and the policy have it`, () => {
      assert.deepEqual(breachesOf(folder, all.get(path.join(TERRAFORM, folder))!), [])
    })
  }

  it('schemas say which version of which provider they are of', () => {
    assert.deepEqual(SCHEMAS.providers.map(({provider, version}) => `${provider} ${version}`).toSorted(), [
      'registry.terraform.io/exoscale/exoscale 0.74.2',
      'registry.terraform.io/hashicorp/aws 6.25.0',
      'registry.terraform.io/hashicorp/azurerm 4.55.0',
      'registry.terraform.io/hashicorp/google 6.50.0',
    ])
    const used = new Set(
      [...all.values()].flatMap(({resources, data}) => [...resources, ...data].map(({type}) => type)),
    )
    const unused = [...SCHEMAS.resource.keys(), ...SCHEMAS.data.keys()].filter((type) => !used.has(type))
    assert.deepEqual(unused, [], 'run scripts/terraform-schemas.mjs')
  })

  it('no exception from the policy is left that nobody needs', () => {
    const modules = new Map([...all].map(([folder, module]) => [path.basename(folder), module]))
    assert.deepEqual(unusedExceptions(modules), [])
  })

  for (const {module, from, to, found} of MUTATIONS) {
    it(`${module}: ${JSON.stringify(to || `without ${from}`)} is found`, async () => {
      const folder = FOLDERS.find((one) => path.basename(one) === module)!
      let isChanged = false
      const changed = await readModule(path.join(TERRAFORM, folder), (text) => {
        isChanged ||= text.includes(from)
        return text.replaceAll(from, to)
      })
      assert.ok(isChanged, `nothing in ${folder} has ${from}`)
      const breaches = breachesOf(folder, changed)
      assert.ok(
        breaches.some((breach) => found.test(breach)),
        breaches.join('\n') || 'nothing was found',
      )
    })
  }
})
