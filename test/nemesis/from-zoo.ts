import { versionFor, withAnimal } from "../zoo/open.ts";
import { recipes } from "../zoo/recipes.ts";
import { processesOf } from "../zoo/server.ts";
import { passwords, type Zoo } from "../zoo/zoo.ts";
import type { Animal, AnimalNode } from "./animal.ts";

/** The recipes of the zoo that can be made on this machine. */
export const recipeNames = recipes.filter((recipe) => !recipe.skip && !versionFor(recipe).skip).map(({ name }) => name);

/** One of the zoo's, which nobody bred for this: its network is whole, and stays so. */
export function fromZoo(name: string): Promise<Animal> {
  const recipe = recipes.find((one) => one.name === name);
  if (recipe === undefined) throw new Error(`the zoo has no recipe ${name}`);
  const over = Promise.withResolvers<void>();
  return new Promise((resolve, reject) => {
    const cleared = withAnimal(recipe, (zoo) => {
      resolve(
        animalOf(zoo, async () => {
          over.resolve();
          await cleared;
        }),
      );
      return over.promise;
    });
    cleared.catch(reject);
  });
}

function animalOf(zoo: Zoo, down: () => Promise<void>): Animal {
  return {
    folder: zoo.folder,
    nodes: zoo.nodes.map((node) => nodeOf(zoo, node)),
    systemFile: zoo.systemFile,
    addressFile: zoo.addressFile,
    links: undefined,
    hosts: undefined,
    variables: { BLACKSTART_PASSWORD: passwords.blackstart },
    down,
  };
}

function nodeOf(zoo: Zoo, name: string): AnimalNode {
  const place = zoo.place(name);
  const login = { ...zoo.login(place.port, "blackstart"), connectionTimeoutMillis: 3000, query_timeout: 3000 };
  return {
    name,
    dataDirectory: place.data,
    port: zoo.declaredPort(name),
    clientPort: zoo.declaredPort(name),
    login,
    processes: () => processesOf(place),
    postmaster: () => processesOf(place)[0],
    start: () => zoo.start(name),
  };
}
