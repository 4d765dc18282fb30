/** The files of src/ that are started as programs of their own, and so may end themselves and write to the terminal. */
export const programs: readonly string[] = [
  "src/cli/main.ts",
  "src/cli/demo/payments-service.ts",
  "src/lab/proxy/main.ts",
  "src/lab/pacemaker/relay-main.ts",
];
