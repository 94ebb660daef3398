// A small front end of the RealWorld API: pages by the address, no build, served from the origin that it calls.
"use strict";

const main = document.getElementById("main");
let me = null;
let live = null;

function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value);
  }
  made.append(...children.flat().filter((c) => c !== null));
  return made;
}

async function api(method, path, body) {
  const headers = {};
  if (body) headers["Content-Type"] = "application/json";
  const token = localStorage.getItem("jwt");
  if (token) headers.Authorization = `Token ${token}`;
  const answer = await fetch(`/api${path}`, { method, headers, body: body && JSON.stringify(body) });
  const read = answer.status === 204 ? {} : await answer.json();
  if (!answer.ok) throw read.errors;
  return read;
}

function go(path) {
  history.pushState({}, "", path);
  return show();
}
const link = (href, text, attributes = {}) => el("a", {
  href, ...attributes, onclick: (e) => { e.preventDefault(); go(href); },
}, text);

// A form whose refusals are listed, member by member.
function form(id, fields, button, submit) {
  const errors = el("ul", { class: "error-messages", role: "alert" });
  return el("form", {
    id,
    onsubmit: async (e) => {
      e.preventDefault();
      errors.replaceChildren();
      try {
        await submit(Object.fromEntries(new FormData(e.target)));
      } catch (refused) {
        if (refused instanceof Error) throw refused;
        for (const [field, whys] of Object.entries(refused)) {
          for (const why of whys) errors.append(el("li", {}, `${field} ${why}`));
        }
      }
    },
  }, errors, fields.map(([name, type]) => el(type === "area" ? "textarea" : "input",
    { name, "aria-label": name, placeholder: name, ...(type === "area" ? {} : { type }) })), el("button", {}, button));
}

function signedIn({ user }) {
  localStorage.setItem("jwt", user.token);
  me = user;
  return go("/");
}

function author(article) {
  const { author: a } = article;
  return el("span", {}, link(`/profile/${encodeURIComponent(a.username)}`, a.username, { class: "author" }), " ");
}
function favorite(article, changed) {
  return el("button", {
    class: "favorite", "aria-pressed": String(article.favorited),
    onclick: async () => changed((await api(article.favorited ? "DELETE" : "POST",
      `/articles/${article.slug}/favorite`)).article),
  }, `♥ ${article.favoritesCount}`);
}
function follow(profile, changed) {
  return el("button", {
    class: "follow", "aria-pressed": String(profile.following),
    onclick: async () => changed((await api(profile.following ? "DELETE" : "POST",
      `/profiles/${encodeURIComponent(profile.username)}/follow`)).profile),
  }, profile.following ? "Unfollow" : "Follow");
}
function list(articles) {
  return articles.map((a) => el("article", { class: "preview" }, author(a),
    link(`/article/${a.slug}`, a.title, { class: "title" }), " ",
    me ? favorite(a, show) : null, el("span", { class: "tags" }, a.tagList.join(" "))));
}

const pages = {
  async home() {
    const feed = location.search === "?feed" && me;
    const [{ articles, articlesCount }, { tags }] = await Promise.all([
      api("GET", feed ? "/articles/feed" : "/articles"), api("GET", "/tags")]);
    return [el("h1", {}, "conduit"), me ? link("/?feed", "Your feed", { id: "feed" }) : null,
      el("p", { id: "count" }, String(articlesCount)), list(articles), el("aside", { id: "tags" }, tags.join(" "))];
  },
  register: () => form("register", [["username", "text"], ["email", "email"], ["password", "password"]], "Sign up",
    async (user) => signedIn(await api("POST", "/users", { user }))),
  login: () => form("login", [["email", "email"], ["password", "password"]], "Sign in",
    async (user) => signedIn(await api("POST", "/users/login", { user }))),
  settings: () => [form("settings", [["image", "url"], ["bio", "area"]], "Update",
    async (user) => { me = (await api("PUT", "/user", { user })).user; await go(`/profile/${me.username}`); }),
    el("button", { id: "logout", onclick: () => { localStorage.removeItem("jwt"); me = null; go("/"); } }, "Log out")],
  editor: () => form("editor", [["title", "text"], ["description", "text"], ["body", "area"], ["tags", "text"]],
    "Publish", async ({ tags, ...article }) => {
      article.tagList = tags.split(" ").filter(Boolean);
      await go(`/article/${(await api("POST", "/articles", { article })).article.slug}`);
    }),
  async article(slug) {
    const [{ article }, { comments }] = await Promise.all([
      api("GET", `/articles/${slug}`), api("GET", `/articles/${slug}/comments`)]);
    const shown = (c) => el("li", { class: "comment" }, c.body, " — ", c.author.username, me?.username === c.author.username
      ? el("button", { class: "delete", onclick: async () => { await api("DELETE", `/articles/${slug}/comments/${c.id}`); show(); } }, "Delete")
      : null);
    const all = el("ul", { id: "comments" }, comments.map(shown));
    live = new EventSource("/api/comments/live");
    live.onopen = () => all.setAttribute("data-live", "");
    live.addEventListener("comment", (e) => {
      const told = JSON.parse(e.data);
      if (told.slug === slug && told.comment.author.username !== me?.username) all.prepend(shown(told.comment));
    });
    return [el("h1", {}, article.title), author(article), me ? favorite(article, show) : null,
      me && me.username !== article.author.username ? follow(article.author, show) : null,
      el("p", { id: "body" }, article.body),
      me?.username === article.author.username ? el("button", {
        id: "delete", onclick: async () => { await api("DELETE", `/articles/${slug}`); go("/"); },
      }, "Delete article") : null, all,
      me ? form("comment", [["body", "area"]], "Post comment",
        async (comment) => { await api("POST", `/articles/${slug}/comments`, { comment }); await show(); }) : null];
  },
  async profile(name) {
    const [{ profile }, { articles }] = await Promise.all([
      api("GET", `/profiles/${name}`), api("GET", `/articles?author=${name}`)]);
    return [el("h1", {}, profile.username), el("p", { id: "bio" }, profile.bio ?? ""),
      me && me.username !== profile.username ? follow(profile, show) : null, list(articles)];
  },
};

async function show() {
  live?.close();
  live = null;
  const [, page, ...rest] = location.pathname.split("/");
  const made = await (pages[page || "home"] ?? pages.home)(...rest);
  document.getElementById("nav").replaceChildren(...[link("/", "Home"), ...(me
    ? [link("/editor", "New article"), link("/settings", "Settings"), link(`/profile/${me.username}`, me.username, { id: "me" })]
    : [link("/login", "Sign in"), link("/register", "Sign up")])].flatMap((a) => [a, " "]));
  main.replaceChildren(...[made].flat(2).filter((c) => c !== null));
  main.dataset.path = location.pathname + location.search;
}

addEventListener("popstate", show);
(async () => {
  if (localStorage.getItem("jwt")) {
    try {
      me = (await api("GET", "/user")).user;
    } catch {
      localStorage.removeItem("jwt");
    }
  }
  await show();
})();
