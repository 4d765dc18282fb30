import type { Recipe } from "./recipe.ts";
import { environments } from "./recipes/environments.ts";
import { leftovers } from "./recipes/leftovers.ts";
import { names } from "./recipes/names.ts";
import { settings } from "./recipes/settings.ts";
import { standbys } from "./recipes/standbys.ts";

export const recipes: readonly Recipe[] = [
  { name: "plain", about: "pg_basebackup -R, one synchronous and one asynchronous standby." },
  ...names,
  ...standbys,
  ...environments,
  ...settings,
  ...leftovers,
];
