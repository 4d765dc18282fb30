import type { NodeRecipe, Recipe } from "../recipe.ts";

/* What somebody has set, on the servers or for a role. */

const ownedByAnother = { refused: "alter-system" } as const;
const readOnly: NodeRecipe = { settings: { default_transaction_read_only: "on" } };

export const settings: readonly Recipe[] = [
  {
    name: "no-alter-system",
    about: "allow_alter_system is off: an operator owns the configuration files.",
    since: 17,
    settings: { allow_alter_system: "off" },
    // Who may not set for whom commits wait brings a node back all the same, and says so.
    strays: [],
    expect: {
      failover: ownedByAnother,
      switchover: ownedByAnother,
      "degrade-synchronous": ownedByAnother,
    },
  },
  {
    name: "read-only-default",
    about: "default_transaction_read_only is on everywhere, and off for the role that writes.",
    settings: { default_transaction_read_only: "on" },
    sql: [
      "alter role app set default_transaction_read_only = off",
      "alter role blackstart set default_transaction_read_only = off",
    ],
  },
  {
    name: "read-only-standbys",
    about: "default_transaction_read_only is on in the files of the standbys alone, as a template for replicas has it.",
    nodes: { pg1: {}, pg2: readOnly, pg3: readOnly },
    expect: { failover: { refused: "read-only" }, switchover: { refused: "read-only" } },
  },
  {
    name: "hasty-role",
    about: "The clients' role does not wait for the disk, nor for a standby.",
    sql: ["alter role app set synchronous_commit = off"],
    hasty: true,
    expect: { failover: { refused: "acknowledged-writes" } },
  },
  {
    name: "slow-reconnect",
    about: "A busy server with the patience of the defaults: timeouts of a minute.",
    settings: { wal_receiver_timeout: "60s", wal_sender_timeout: "60s", checkpoint_timeout: "30min" },
  },
  {
    name: "applied",
    about: "A commit waits until the standby has replayed it.",
    settings: { synchronous_commit: "remote_apply" },
  },
];
