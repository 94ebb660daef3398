#include "../described_table.hpp"

namespace aft::storage {
namespace {

struct postgres_table_row {
  std::int64_t id;
  std::string name, comment, view;
};
struct postgres_constraint_row {
  std::string kind, definition, parent, rules;
  std::vector<std::string> columns, referred;
};

void add_constraints(described_table& table, reader& r, std::int64_t id) {
  for (auto& row : r.all<postgres_constraint_row>(R"(
select n.contype::text as kind, pg_get_constraintdef(n.oid, true) as definition,
       coalesce(p.relname::text, '') as parent,
       trim(case n.confdeltype when 'c' then 'on delete cascade' when 'n' then 'on delete set null'
            when 'd' then 'on delete set default' when 'r' then 'on delete restrict' else '' end
            || case n.confupdtype when 'c' then ' on update cascade'
            when 'n' then ' on update set null' when 'd' then ' on update set default'
            when 'r' then ' on update restrict' else '' end) as rules,
       to_jsonb(array(select a.attname::text from unnest(n.conkey) with ordinality k (number, place)
                join pg_attribute a on a.attrelid = n.conrelid and a.attnum = k.number
                order by k.place)) as columns,
       to_jsonb(array(select a.attname::text from unnest(n.confkey) with ordinality k (number, place)
                join pg_attribute a on a.attrelid = n.confrelid and a.attnum = k.number
                order by k.place)) as referred
  from pg_constraint n left join pg_class p on p.oid = n.confrelid
 where n.conrelid = $1::bigint::oid and n.contype in ('p', 'u', 'f', 'c') order by n.conname)",
                                                  id)) {
    if (row.kind == "p") {
      table.primary_key = std::move(row.columns);
    } else if (row.kind == "u") {
      table.unique.push_back(std::move(row.columns));
    } else if (row.kind == "f") {
      table.references.push_back({std::move(row.columns), std::move(row.parent),
                                  std::move(row.referred), std::move(row.rules)});
    } else {
      table.checks.push_back(row.definition.substr(row.definition.find('(')));
    }
  }
}

}  // namespace

std::vector<described_table> describe_postgres(reader& r) {
  std::vector<described_table> tables;
  for (auto& row : r.all<postgres_table_row>(R"(
select c.oid::bigint as id, c.relname::text as name,
       coalesce(obj_description(c.oid, 'pg_class'), '') as comment,
       case when c.relkind in ('v', 'm') then pg_get_viewdef(c.oid, true) else '' end as view
  from pg_class c
 where c.relnamespace = (select oid from pg_namespace where nspname = current_schema())
   and c.relkind in ('r', 'p', 'f', 'v', 'm') and c.relname not like 'aft\_%'
   and not exists (select from pg_depend d where d.classid = 1259 and d.objid = c.oid
                   and d.deptype = 'e')
 order by c.relkind in ('v', 'm'), c.relname collate "C")")) {
    auto& table = tables.emplace_back();
    table.name = std::move(row.name);
    table.comment = std::move(row.comment);
    table.view = std::move(row.view);
    table.columns = r.all<described_column>(R"(
select a.attname::text as name, format_type(a.atttypid, a.atttypmod) as type,
       not a.attnotnull as nullable,
       case when a.attidentity <> '' then 'identity'
            when a.attgenerated <> '' then 'generated as ' || pg_get_expr(d.adbin, d.adrelid)
            else coalesce(pg_get_expr(d.adbin, d.adrelid), '') end as default_value,
       coalesce(col_description(a.attrelid, a.attnum), '') as comment
  from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
 where a.attrelid = $1::bigint::oid and a.attnum > 0 and not a.attisdropped order by a.attnum)",
                                            row.id);
    add_constraints(table, r, row.id);
    table.indexes = r.all<described_index>(R"(
select c.relname::text as name, i.indisunique as "unique",
       regexp_replace(regexp_replace(pg_get_indexdef(i.indexrelid, 0, true), '^.*? USING ', ''),
                      '^btree ', '') as definition
  from pg_index i join pg_class c on c.oid = i.indexrelid
 where i.indrelid = $1::bigint::oid
   and not exists (select from pg_constraint n where n.conindid = i.indexrelid)
 order by c.relname collate "C")",
                                           row.id);
  }
  return tables;
}

}  // namespace aft::storage
