import assert from 'node:assert/strict'
import fc from 'fast-check'
import type {Direction, JudgedElement, World} from '../../../src/model/index.ts'
import {type Compiled, compilePolicy} from '../../../src/policy/compile/index.ts'
import {type Attribution, attributor, type DecidedBy} from '../../../src/policy/counting/index.ts'
import {directions, type Judgement, type Packet} from '../../../src/policy/oracle/index.ts'
import {numberOf} from '../counted.ts'
import {packets, seed, verdicts, worlds} from '../random-world.ts'
import {attributes, entity, policy, rule, tier, world} from '../worlds.ts'

const numRuns = Number(process.env.RUNS ?? 250)
