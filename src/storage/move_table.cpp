#include "move_table.hpp"

#include <sodium.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include <fmt/format.h>

#include <aft/ground/digest.hpp>
#include <aft/ground/encoding.hpp>
#include <aft/ground/error.hpp>

#include "sqlite/raw_file.hpp"

namespace aft::storage {
namespace {

constexpr std::size_t chunk_bytes = 1u << 20;  // of lines that are sent and kept together
constexpr std::size_t batch_rows = 500;        // that are read and compared together
constexpr std::size_t batch_bytes = 1u << 20;
constexpr std::size_t longest_label = 100;

std::vector<std::optional<std::string_view>> compared_of(const std::vector<moved_value>& values) {
  std::vector<std::optional<std::string_view>> row;
  for (const auto& value : values) {
    if (value.compared) row.emplace_back(*value.compared);
    else row.emplace_back();
  }
  return row;
}

std::string joined(const std::vector<std::string>& parts, std::string_view between) {
  std::string all;
  for (const auto& part : parts) all.append(all.empty() ? "" : between).append(part);
  return all;
}

}  // namespace

// ---- hashes

void row_hash::add(const std::vector<std::optional<std::string_view>>& row) {
  crypto_hash_sha256_state state;
  crypto_hash_sha256_init(&state);
  for (const auto& value : row) {
    const std::uint64_t size = value ? value->size() : ~std::uint64_t(0);
    unsigned char size_bytes[8];
    for (int i = 0; i < 8; ++i) size_bytes[i] = static_cast<unsigned char>(size >> (8 * i));
    crypto_hash_sha256_update(&state, size_bytes, sizeof size_bytes);
    if (!value) continue;
    crypto_hash_sha256_update(&state, reinterpret_cast<const unsigned char*>(value->data()),
                              value->size());
  }
  unsigned char digest[crypto_hash_sha256_BYTES];
  crypto_hash_sha256_final(&state, digest);
  for (int i = 0; i < 4; ++i) {
    std::uint64_t part;
    std::memcpy(&part, digest + 8 * i, 8);
    sums_[i] += part;
  }
  ++rows_;
}

table_state row_hash::state() const {
  return {rows_,
          fmt::format("{:016x}{:016x}{:016x}{:016x}", sums_[0], sums_[1], sums_[2], sums_[3])};
}

// ---- the table

table_mover::table_mover(table_source& source, postgres::bulk_session& target,
                         postgres::bulk_session& reading, const std::string& table)
    : source_(source), target_(target), reading_(reading), table_(table) {
  quoted_ = source_quoted_ = storage::quoted_name(table);
  const auto columns = target.rows(
      "select a.attname, quote_ident(a.attname), format_type(a.atttypid, a.atttypmod), "
      "  case when t.typtype = 'd' then t.typbasetype else t.oid end, "
      "  coalesce((select array_position(i.indkey::int2[], a.attnum) from pg_index i "
      "            where i.indrelid = c.oid and i.indisprimary), -1) "
      "from pg_class c join pg_attribute a on a.attrelid = c.oid "
      "join pg_type t on t.oid = a.atttypid "
      "where c.relnamespace = current_schema()::regnamespace and c.relname = $1 "
      "and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''",
      {table});
  std::vector<std::pair<int, std::size_t>> key;
  std::size_t key_columns = 0;
  for (const auto& name : source.columns(table)) {
    const auto known =
        std::find_if(columns.begin(), columns.end(), [&](const auto& c) { return c[0] == name; });
    if (known == columns.end()) {
      throw configuration_error(
          fmt::format("the table {} has a column {} that the target lacks", table, name));
    }
    const auto number = unsigned(std::stoul((*known)[3].value()));
    source_columns_.push_back(storage::quoted_name(name));
    columns_.push_back(
        {(*known)[1].value(), (*known)[2].value(), form_of(number), number, width_of(number)});
    const auto place = std::stoi((*known)[4].value());
    if (place >= 0) key.emplace_back(place, columns_.size() - 1);
  }
  for (const auto& c : columns) key_columns += c[4] != "-1";
  std::sort(key.begin(), key.end());
  if (key.size() == key_columns) {
    for (const auto& [place, column] : key) key_.push_back(column);
  }
  std::vector<std::string> names;
  for (const auto& c : columns_) names.push_back(c.name);
  column_list_ = joined(names, ", ");
  const auto alias = source.integer_key(table);
  if (!alias.empty() && key_.size() == 1 &&
      source_columns_[key_[0]] == storage::quoted_name(alias) &&
      columns_[key_[0]].form == column_form::integer) {
    integer_key_ = source_columns_[key_[0]];
  }
}

std::string table_mover::select(const std::string& order, const std::string& condition) const {
  return fmt::format("select {} from {}{}{}", joined(source_columns_, ", "), source_quoted_,
                     condition, order);
}

table_mover::source_row table_mover::read_row(const row_cursor& rows, std::int64_t number) const {
  source_row row;
  row.values.resize(columns_.size());
  std::string wrong;
  std::size_t wrong_column = columns_.size();
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (!convert(rows.at(int(i)), columns_[i], row.values[i], wrong) &&
        wrong_column == columns_.size()) {
      wrong_column = i;
    }
  }
  for (const auto i : key_) {
    const auto& value = row.values[i].sent;
    row.label += fmt::format("{}{} = {}", row.label.empty() ? "" : ", ", columns_[i].name,
                             value ? std::string_view(*value).substr(0, longest_label) : "?");
  }
  if (key_.empty()) row.label = fmt::format("number {}", number);
  if (wrong_column == columns_.size()) return row;
  throw storage_error(storage_fault::statement,
                      fmt::format("the row {} of {} does not fit: column {} {}", row.label, table_,
                                  columns_[wrong_column].name, wrong));
}

bool table_mover::is_empty() {
  return target_.rows(fmt::format("select 1 from {} limit 1", quoted_)).empty();
}

void table_mover::empty() { target_.run(fmt::format("delete from {}", quoted_)); }

// ---- copying

void table_mover::copy_lines(const std::string& into, std::string& lines,
                             std::vector<std::string>& labels) {
  if (lines.empty()) return;
  try {
    target_.copy_in(fmt::format("copy {} ({}) from stdin", into, column_list_), lines);
  } catch (const postgres::refused_line& e) {
    const auto& label = e.line() <= labels.size() ? labels[e.line() - 1] : "?";
    const auto what = fmt::format("the row {} of {} does not fit: {}", label, table_, e.what());
    if (e.fault() != storage_fault::constraint) throw storage_error(e.fault(), what);
    throw constraint_error(e.kind(), what);
  }
  lines.clear();
  labels.clear();
}

void table_mover::copy() {
  std::string condition, order;
  std::optional<std::int64_t> last;
  if (can_continue()) {
    const auto& key = columns_[key_[0]].name;
    const auto most = target_.one(fmt::format("select max({}) from {}", key, quoted_));
    if (!most.empty()) {
      last = std::stoll(most);
      condition = fmt::format(" where {} > $1", integer_key_);
    }
    order = fmt::format(" order by {}", integer_key_);
  }
  row_cursor rows(source_, select(order, condition));
  if (last) rows.bind(1, *last);
  std::string lines;
  std::vector<std::string> labels;
  for (std::int64_t number = 1; rows.next(); ++number) {
    auto row = read_row(rows, number);
    for (std::size_t i = 0; i < row.values.size(); ++i) {
      if (i) lines += '\t';
      append_copied(lines, row.values[i].sent);
    }
    lines += '\n';
    labels.push_back(std::move(row.label));
    if (lines.size() >= chunk_bytes) copy_lines(quoted_, lines, labels);
  }
  copy_lines(quoted_, lines, labels);
}

// ---- comparing

// In batches, whose forms the server has been asked for.
class table_mover::source_rows {
 public:
  source_rows(table_mover& table, const std::string& order)
      : table_(table), rows_(table.source_, table.select(order)) {}

  const source_row* now() {
    if (at_ == batch_.size()) load();
    return at_ < batch_.size() ? &batch_[at_] : nullptr;
  }
  void go_on() { ++at_; }

 private:
  void load() {
    batch_.clear();
    at_ = 0;
    std::size_t bytes = 0;
    while (batch_.size() < batch_rows && bytes < batch_bytes && rows_.next()) {
      batch_.push_back(table_.read_row(rows_, ++number_));
      for (const auto& value : batch_.back().values) bytes += value.sent ? value.sent->size() : 0;
    }
    table_.ask_server_forms(batch_);
  }

  table_mover& table_;
  row_cursor rows_;
  std::vector<source_row> batch_;
  std::size_t at_ = 0;
  std::int64_t number_ = 0;
};

// The server says what it makes of values of types that only it knows: jsonb, numeric and so on.
void table_mover::ask_server_forms(std::vector<source_row>& rows) {
  if (rows.empty()) return;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (columns_[i].form != column_form::other) continue;
    std::string array;
    for (const auto& row : rows) append_element(array, row.values[i].sent);
    const auto forms = target_.rows(
        fmt::format(
            "select x::{}::text from unnest($1::text[]) with ordinality v (x, n) order by n",
            columns_[i].type),
        {array + "}"});
    for (std::size_t r = 0; r < rows.size(); ++r) rows[r].values[i].compared = forms.at(r).at(0);
  }
}

// Rows that are to be written and keys that are to go, gathered on the server.
class table_mover::differences {
 public:
  explicit differences(table_mover& table) : table_(table) {}

  void write(const source_row& row) {
    begin();
    for (std::size_t i = 0; i < row.values.size(); ++i) {
      if (i) lines_ += '\t';
      append_copied(lines_, row.values[i].sent);
    }
    lines_ += '\n';
    labels_.push_back(row.label);
    ++written_;
    if (lines_.size() >= chunk_bytes) table_.copy_lines("pg_temp.aft_move_new", lines_, labels_);
  }

  void remove(const std::vector<std::optional<std::string_view>>& row) {
    begin();
    for (const auto i : table_.key_) {
      if (i != table_.key_[0]) gone_ += '\t';
      const bool is_bytes = table_.columns_[i].form == column_form::bytes;
      append_copied(gone_, (is_bytes ? "\\x" : "") + std::string(row[i].value()));
    }
    gone_ += '\n';
    ++removed_;
    if (gone_.size() >= chunk_bytes) send_gone();
  }

  // How many rows differed, those that were removed to be written anew counted once or twice.
  std::int64_t carry_over() {
    if (!begun_) return 0;
    send_gone();
    table_.copy_lines("pg_temp.aft_move_new", lines_, labels_);
    std::vector<std::string> same;
    for (const auto i : table_.key_) {
      same.push_back(fmt::format("t.{0} = g.{0}", table_.columns_[i].name));
    }
    auto& target = table_.target_;
    target.run(fmt::format("delete from {} t using pg_temp.aft_move_gone g where {}",
                           table_.quoted_, joined(same, " and ")));
    target.run(
        fmt::format("insert into {0} ({1}) overriding system value select {1} from "
                    "pg_temp.aft_move_new",
                    table_.quoted_, table_.column_list_));
    target.run("commit");
    return std::max(written_, removed_);
  }

 private:
  void begin() {
    if (std::exchange(begun_, true)) return;
    std::vector<std::string> keys;
    for (const auto i : table_.key_) keys.push_back(table_.columns_[i].name);
    auto& target = table_.target_;
    target.run("begin");
    target.run(
        fmt::format("create temporary table aft_move_new on commit drop as "
                    "select {} from {} with no data",
                    table_.column_list_, table_.quoted_));
    target.run(
        fmt::format("create temporary table aft_move_gone on commit drop as "
                    "select {} from {} with no data",
                    joined(keys, ", "), table_.quoted_));
  }
  void send_gone() {
    if (!gone_.empty()) table_.target_.copy_in("copy pg_temp.aft_move_gone from stdin", gone_);
    gone_.clear();
  }

  table_mover& table_;
  bool begun_ = false;
  std::string lines_, gone_;
  std::vector<std::string> labels_;
  std::int64_t written_ = 0, removed_ = 0;
};

// Whether both sides give the rows in the same order.
bool table_mover::can_merge() const {
  return !key_.empty() && std::all_of(key_.begin(), key_.end(), [&](std::size_t i) {
    const auto form = columns_[i].form;
    return form == column_form::integer || form == column_form::text || form == column_form::bytes;
  });
}

int table_mover::compare_keys(const source_row& a,
                              const std::vector<std::optional<std::string_view>>& b) const {
  for (const auto i : key_) {
    const auto& key = a.values[i].compared;
    const auto one = key ? std::string_view(*key) : std::string_view(), other = b[i].value_or("");
    int order = one.compare(other);
    if (columns_[i].form == column_form::integer) {
      std::int64_t first = 0, second = 0;
      std::from_chars(one.data(), one.data() + one.size(), first);
      std::from_chars(other.data(), other.data() + other.size(), second);
      order = first < second ? -1 : first > second;
    }
    if (order) return order;
  }
  return 0;
}

std::int64_t table_mover::merge(table_state& source_state, table_state& target_state) {
  std::vector<std::string> source_order, target_order, comparable;
  for (const auto i : key_) {
    const bool is_text = columns_[i].form == column_form::text;
    source_order.push_back(source_columns_[i] + " collate binary");
    // Of the table: by its bare name the column would be the text that is selected.
    target_order.push_back("t." + columns_[i].name + (is_text ? " collate \"C\"" : ""));
  }
  for (const auto& c : columns_) comparable.push_back(c.comparable());
  source_rows rows(*this, " order by " + joined(source_order, ", "));
  reading_.begin_rows(fmt::format("select {} from {} t order by {}", joined(comparable, ", "),
                                  quoted_, joined(target_order, ", ")));
  std::vector<std::optional<std::string_view>> there;
  bool has_there = reading_.next_row(there);
  row_hash source_hash, target_hash;
  differences found(*this);
  while (true) {
    const auto* here = rows.now();
    if (!here && !has_there) break;
    const int order = !here ? 1 : !has_there ? -1 : compare_keys(*here, there);
    const auto compared = here ? compared_of(here->values) : decltype(there)();
    if (order <= 0) source_hash.add(compared);
    if (order >= 0) target_hash.add(there);
    if (order != 0 || compared != there) {
      if (order >= 0) found.remove(there);
      if (order <= 0) found.write(*here);
    }
    if (order <= 0) rows.go_on();
    if (order >= 0) has_there = reading_.next_row(there);
  }
  source_state = source_hash.state();
  target_state = target_hash.state();
  return found.carry_over();
}

table_state table_mover::state_of_source() {
  row_hash hash;
  source_rows rows(*this, "");
  for (; const auto* row = rows.now(); rows.go_on()) hash.add(compared_of(row->values));
  return hash.state();
}

table_state table_mover::state_of_target() {
  std::vector<std::string> comparable;
  for (const auto& c : columns_) comparable.push_back(c.comparable());
  reading_.begin_rows(fmt::format("select {} from {}", joined(comparable, ", "), quoted_));
  row_hash hash;
  std::vector<std::optional<std::string_view>> row;
  while (reading_.next_row(row)) hash.add(row);
  return hash.state();
}

std::int64_t table_mover::reconcile(table_state& state) {
  table_state here, there;
  std::int64_t changed = 0;
  if (can_merge()) {
    changed = merge(here, there);
    if (changed && merge(here, there)) here = {};
  } else {
    here = state_of_source();
    there = state_of_target();
    if (!(here == there)) {  // which rows differ is not to be known
      target_.run("begin");
      empty();
      copy();
      target_.run("commit");
      changed = std::max(here.rows, there.rows);
      there = state_of_target();
    }
  }
  if (!(here == there)) {
    throw storage_error(storage_fault::other,
                        fmt::format("the rows of {} are not the same on both sides after they were "
                                    "copied: {} rows, and {} there",
                                    table_, here.rows, there.rows));
  }
  state = there;
  return changed;
}

// ---- identities

void table_mover::continue_identities() {
  const auto last = source_.last_key(table_);
  for (const auto& c : columns_) {
    if (c.form != column_form::integer) continue;
    const auto name = target_.one(
        "select pg_get_serial_sequence($1, a.attname) from pg_attribute a "
        "where a.attrelid = $1::regclass and quote_ident(a.attname) = $2",
        {quoted_, c.name});
    if (name.empty()) continue;
    const bool is_key = key_.size() == 1 && columns_[key_[0]].name == c.name;
    target_.rows(fmt::format("select setval($1, greatest(max({0}), $2::bigint, 1), "
                             "greatest(max({0}), $2::bigint) > 0) from {1}",
                             c.name, quoted_),
                 {name, is_key && last > 0 ? std::to_string(last) : "0"});
  }
}

}  // namespace aft::storage
