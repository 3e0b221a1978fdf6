/** One seed for every random test of policy: `SEED=… npx mocha …` repeats a run. */
export const seed = Number(process.env.SEED ?? 20260822)
