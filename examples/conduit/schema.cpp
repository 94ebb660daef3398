#include "conduit.hpp"

namespace conduit {

void define_schema(aft::app& app, keys& k) {
  app.migrate({"001_accounts", R"(
    create table setting (name text not null primary key, value text not null) strict;
    create table account (
      id         integer primary key,
      username   text not null unique,
      email      text not null unique,
      password   text not null,  -- its Argon2id hash
      bio        text,
      image      text,
      created_at timestamp not null
    ) strict;
    create table follow (
      follower integer not null references account (id),
      followed integer not null references account (id),
      primary key (follower, followed)
    ) strict;
  )"});
  app.migrate({"002_articles", R"(
    create table article (
      id              integer primary key,
      slug            text not null unique,  -- its name in URLs
      author          integer not null references account (id),
      title           text not null,
      description     text not null,
      body            text not null,
      tag_list        json not null,  -- in the author's order
      reading_minutes integer,        -- null until a job has counted
      created_at      timestamp not null,
      updated_at      timestamp not null
    ) strict;
    create index article_recent on article (created_at, id);
    create index article_author on article (author, created_at);
    create table article_tag (
      article integer not null references article (id) on delete cascade,
      tag     text not null,
      primary key (tag, article)
    ) strict;
    create index article_tag_article on article_tag (article);
    create table favorite (
      account integer not null references account (id),
      article integer not null references article (id) on delete cascade,
      primary key (account, article)
    ) strict;
    create index favorite_article on favorite (article);
    create table comment (
      id         integer primary key,
      article    integer not null references article (id) on delete cascade,
      author     integer not null references account (id),
      body       text not null,
      created_at timestamp not null,
      updated_at timestamp not null
    ) strict;
    create index comment_article on comment (article, id);
    create view article_view as
      select a.id, a.slug, a.title, a.description, a.body, a.tag_list as "tagList",
             a.created_at as "createdAt", a.updated_at as "updatedAt", a.author as author_id,
             (select count(*) from favorite f where f.article = a.id) as "favoritesCount",
             u.username as "author.username", u.bio as "author.bio", u.image as "author.image"
      from article a join account u on u.id = a.author;
  )"});

  app.seed([&k](aft::transaction& tx) {
    tx.execute("insert into setting (name, value) values ('token_key', $1) on conflict do nothing",
               aft::random_token());
    k.tokens.emplace(tx.one<std::string>("select value from setting where name = 'token_key'"));
  });
}

}  // namespace conduit
