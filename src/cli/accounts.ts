import {readFile} from 'node:fs/promises'

/** Names of users and groups that this machine has itself (not by a directory service), with their numbers. */
export interface Accounts {
  readonly users: ReadonlyMap<string, number>
  readonly groups: ReadonlyMap<string, number>
}

export async function readAccounts(): Promise<Accounts> {
  const [users, groups] = await Promise.all(['/etc/passwd', '/etc/group'].map(numbersIn))
  return {users: users!, groups: groups!}
}

/** The first of a name counts. */
async function numbersIn(file: string): Promise<ReadonlyMap<string, number>> {
  const lines = (await readFile(file, 'utf8').catch(() => '')).split('\n')
  const pairs = lines.flatMap((line): [string, number][] => {
    const [name, , number] = line.split(':')
    return name && number ? [[name, Number(number)]] : []
  })
  return new Map(pairs.reverse())
}

export const nameOf = (accounts: ReadonlyMap<string, number>, number: number): string | undefined =>
  [...accounts].find(([, one]) => one === number)?.[0]
