// A client of conduit whose types come from its document.

import createClient from "openapi-fetch";

import type { paths } from "./api.js";

export async function publish(baseUrl: string): Promise<string> {
  const api = createClient<paths>({ baseUrl });
  const user = { username: "typed", email: "typed@example.org", password: "secret" };
  const registered = await api.POST("/api/users", { body: { user } });
  if (!registered.data) throw new Error(JSON.stringify(registered.error.errors));
  const headers = { Authorization: `Token ${registered.data.user.token}` };
  const article = { title: "Typed", description: "d", body: "b", tagList: ["ts"] };
  const made = await api.POST("/api/articles", { body: { article }, headers });
  if (!made.data) throw new Error(JSON.stringify(made.error.errors));
  const read = await api.GET("/api/articles/{slug}", { params: { path: { slug: made.data.article.slug } } });
  return read.data?.article.author.username ?? "nobody";
}
