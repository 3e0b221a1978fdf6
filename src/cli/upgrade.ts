import {isNewer} from './versions.ts'

/** What a package says of itself. */
export interface PackageFacts {
  readonly name: string
  readonly version: string
  readonly architecture: string
}

/** The machine, as far as an upgrade touches it. Paths are of kept packages or of the file that was named. */
export interface UpgradeMachine {
  readonly architecture: () => Promise<string>
  /** Of the package that is installed, whole or half. */
  readonly installed: () => Promise<{readonly version: string; readonly whole: boolean}>
  /** Throws where the file is no package. */
  readonly facts: (file: string) => Promise<PackageFacts>
  /** null: fine; else why the checksum cannot be trusted. */
  readonly distrust: (file: string) => Promise<string | null>
  /** Whether the Isthmus in this package takes the configuration; null: it does. */
  readonly refusal: (file: string) => Promise<string | null>
  /** Where a version is kept; null: it is not. */
  readonly kept: (version: string) => Promise<string | null>
  /** Keeps a package, whole, for root alone. */
  readonly keep: (file: string, facts: PackageFacts) => Promise<string>
  /** Throws with dpkg's words. */
  readonly install: (file: string) => Promise<void>
  /** Ends what dpkg was doing for other packages (man-db's index) when it was killed; says what it cannot. */
  readonly configureOthers: () => Promise<void>
  /** Whether the gateway of this version becomes ready in time. */
  readonly becomesReady: (version: string) => Promise<boolean>
  /** What an upgrade that was cut off leaves: where it came from and where it was going. */
  readonly journal: () => Promise<Journal>
  readonly note: (journal: Journal) => Promise<void>
  readonly say: (line: string) => void
}

export interface Journal {
  /** Not finished. */
  readonly pending: {readonly from: string; readonly to: string} | null
  /** What `rollback` goes back to. */
  readonly previous: string | null
}

/** Ended as it should not have: the words tell what, and what is now in force. */
export class UpgradeRefused extends Error {}

/**
 * Installs a package and goes back by itself where its gateway does not become ready.
 *
 *     verify ─► may it? ─► keep it ─► note ─► install ─► ready? ─yes─► done
 *                                                           └─no─► install the one before ─► say why
 *
 * Nothing is touched before all is known that can be known without it: the checksum, the package, whether its Isthmus takes
 * the configuration, and that the version of now is kept. What is cut off is found by its note: `resume`.
 */
export async function upgrade(machine: UpgradeMachine, file: string): Promise<void> {
  const facts = await trusted(machine, file)
  const {version: from, whole} = await machine.installed()
  if (whole && facts.version === from) return machine.say(`isthmus ${from} is installed already`)
  const back = await machine.kept(from)
  if (back === null) {
    throw new UpgradeRefused(
      `the package of ${from}, which is installed, is not kept, so there would be no way back: ` +
        `isthmus upgrade --keep isthmus_${from}_${facts.architecture}.deb`,
    )
  }
  const refusal = await machine.refusal(file)
  if (refusal !== null) throw new UpgradeRefused(`isthmus ${facts.version} does not take the configuration: ${refusal}`)
  const kept = await machine.keep(file, facts)
  if (isNewer(from, facts.version)) machine.say(`${facts.version} is older than ${from}`)
  await replace(machine, {from, to: facts.version, file: kept, back})
}

/** The one before takes the place of the one that is installed. */
export async function rollBack(machine: UpgradeMachine): Promise<void> {
  const {previous} = await machine.journal()
  const {version: from} = await machine.installed()
  const file = previous === null || previous === from ? null : await machine.kept(previous)
  if (file === null) throw new UpgradeRefused('there is no earlier version to go back to')
  const refusal = await machine.refusal(file)
  if (refusal !== null) {
    throw new UpgradeRefused(
      `isthmus ${previous} does not take the configuration: ${refusal}; \`isthmus config history\` has its own`,
    )
  }
  const back = await machine.kept(from)
  if (back === null) throw new UpgradeRefused(`the package of ${from} is not kept: isthmus upgrade --keep FILE`)
  await replace(machine, {from, to: previous!, file, back})
}

/** Ends what a power cut has cut off: well where the new gateway is ready, else with the version from before. */
export async function resume(machine: UpgradeMachine): Promise<void> {
  const {pending, previous} = await machine.journal()
  if (pending === null) {
    // Its end was noted, and the power went before the mark that has us asked at each boot was taken away.
    await machine.note({pending, previous})
    return machine.say('no upgrade was cut off')
  }
  const {version, whole} = await machine.installed()
  machine.say(`the upgrade from ${pending.from} to ${pending.to} was cut off`)
  if (whole && version === pending.to && (await machine.becomesReady(version))) {
    await machine.configureOthers()
    await machine.note({pending: null, previous: pending.from})
    return machine.say(`isthmus ${version} is ready all the same`)
  }
  const back = await machine.kept(pending.from)
  if (back === null) throw new UpgradeRefused(`the package of ${pending.from} is not there: install a package by hand`)
  await goBack(machine, pending, back, previous)
  machine.say(`isthmus ${pending.from} is in force again`)
}

/** Keeps the package of the version that is installed, for the first upgrade. */
export async function keepInstalled(machine: UpgradeMachine, file: string): Promise<void> {
  const facts = await trusted(machine, file)
  const {version} = await machine.installed()
  if (facts.version !== version) throw new UpgradeRefused(`it is of ${facts.version}, and ${version} is installed`)
  machine.say(`kept: ${await machine.keep(file, facts)}`)
}

async function trusted(machine: UpgradeMachine, file: string): Promise<PackageFacts> {
  const distrust = await machine.distrust(file)
  if (distrust !== null) throw new UpgradeRefused(distrust)
  const facts = await machine.facts(file)
  if (facts.name !== 'isthmus') throw new UpgradeRefused(`it is the package ${facts.name}, not isthmus`)
  const own = await machine.architecture()
  if (facts.architecture !== own)
    throw new UpgradeRefused(`it is for ${facts.architecture}, and this machine is ${own}`)
  return facts
}

interface Replacement {
  readonly from: string
  readonly to: string
  readonly file: string
  readonly back: string
}

async function replace(machine: UpgradeMachine, {from, to, file, back}: Replacement): Promise<void> {
  const {previous} = await machine.journal()
  await machine.note({pending: {from, to}, previous})
  let why = 'its gateway was not ready in time'
  try {
    await machine.install(file)
    if (await machine.becomesReady(to)) {
      await machine.note({pending: null, previous: from})
      return machine.say(`isthmus ${to} is in force, ${from} is kept: \`isthmus upgrade rollback\` goes back`)
    }
  } catch (error) {
    why = error instanceof Error ? error.message : String(error)
  }
  machine.say(`isthmus ${to}: ${why}; going back to ${from}`)
  await goBack(machine, {from, to}, back, previous)
  throw new UpgradeRefused(`isthmus ${to} was taken back (${why}); ${from} is in force`)
}

async function goBack(
  machine: UpgradeMachine,
  {from, to}: {readonly from: string; readonly to: string},
  back: string,
  previous: string | null,
): Promise<void> {
  await machine.install(back)
  await machine.configureOthers()
  if (!(await machine.becomesReady(from))) {
    throw new UpgradeRefused(`isthmus ${to} was taken back, and ${from} is not ready either: isthmus status`)
  }
  await machine.note({pending: null, previous: previous === from ? null : previous})
}
