// Orders: a quote that was confirmed, and the lead that is won by it.

#include <thread>

#include "common/base/error.h"
#include "tests/integration/pipeline/quote_fixture.h"

namespace embudo::testing {
namespace {

using absl::StatusCode;
using std::chrono::hours;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using type::v1::Lead;
using type::v1::Order;
using type::v1::Quote;

class OrderTest : public QuoteFixture {
 protected:
  /// The lead's partition of the log, from the quote's confirmation on.
  std::vector<std::string> TypesSince(size_t first) const {
    const auto events = Events();
    return TypesOf({events.begin() + static_cast<std::ptrdiff_t>(first), events.end()});
  }
  absl::StatusOr<Order> CancelAs(const Caller& caller, const std::string& order) const {
    auto request = Named<pipeline::v1::CancelOrderRequest>(order);
    request.set_cancel_reason("They went bankrupt");
    return caller.Call<Order>(request);
  }
  std::vector<std::string> OrdersAs(const Caller& caller) const {
    std::vector<std::string> names;
    const auto page = caller.Must<pipeline::v1::ListOrdersResponse>(pipeline::v1::ListOrdersRequest());
    for (const Order& order : page.orders()) {
      names.push_back(order.name());
    }
    return names;
  }
};

TEST_F(OrderTest, AConfirmedQuoteIsAnOrderAndTheLeadIsWon) {
  const Lead lead = CreateDeal();
  auto create = NewQuote(lead.name());
  auto& line = *create.mutable_quote()->add_lines();
  line.set_description("Laptop");
  line.set_quantity("10");
  *line.mutable_unit_price() = Amount("120");
  line.set_tax_percent("10");
  const Quote draft = admin_.Must<Quote>(create);
  const Quote accepted = *Accept(*Send(draft.name()));
  suite().Advance(hours(1));

  const auto order = Confirm(draft.name());
  ASSERT_TRUE(order.ok()) << order.status();
  EXPECT_EQ(order->number(), "S-000001");
  EXPECT_EQ(order->state(), Order::STATE_CONFIRMED);
  EXPECT_EQ(order->quote(), draft.name());
  EXPECT_EQ(order->lead(), lead.name());
  EXPECT_EQ(order->customer_name(), "Acme");
  EXPECT_EQ(order->creator(), "users/admin");
  EXPECT_THAT(order->net_total(), SameAs(Amount("1200")));
  EXPECT_THAT(order->total(), SameAs(Amount("1320")));
  EXPECT_THAT(order->lines(0), SameAs(accepted.lines(0)));
  EXPECT_THAT(order->signature(), SameAs(accepted.signature()));
  EXPECT_EQ(FromTimestamp(order->confirm_time()), suite().clock().Now());
  EXPECT_THAT(admin_.Must<Order>(Named<pipeline::v1::GetOrderRequest>(order->name())), SameAs(*order));

  const Quote quote = GetQuote(draft.name());
  EXPECT_EQ(quote.state(), Quote::STATE_CONFIRMED);
  EXPECT_EQ(quote.order(), order->name());
  const Lead won = GetLead(lead.name());
  EXPECT_EQ(won.state(), Lead::STATE_WON);
  EXPECT_EQ(won.stage(), kWon);
  EXPECT_THAT(won.expected_revenue(), SameAs(Amount("1200")));  // without tax
  EXPECT_EQ(FromTimestamp(won.close_time()), suite().clock().Now());

  const auto events = EventsAbout(order->name());
  ASSERT_THAT(TypesOf(events), ElementsAre("order.confirmed"));
  EXPECT_THAT(events[0].data().order(), SameAs(*order));
  EXPECT_EQ("leads/" + events[0].partition_key(), lead.name());
  EXPECT_THAT(TypesOf(EventsAbout(lead.name())), ElementsAre("lead.created", "lead.won"));
}

TEST_F(OrderTest, AllIsToldInOrderAndTheOtherQuotesAreCancelled) {
  const std::string lead = CreateDeal().name();
  const Quote draft = CreateQuote(lead);
  const Quote declined = *Decline(SentQuote(lead).name());
  const Quote other = SentQuote(lead);
  const Quote quote = SentQuote(lead);
  const Quote elsewhere = SentQuote(CreateDeal().name());
  const size_t before = Events().size();
  ASSERT_TRUE(Confirm(quote.name()).ok());
  EXPECT_THAT(TypesSince(before),
              ElementsAre("quote.confirmed", "quote.cancelled", "quote.cancelled", "order.confirmed", "lead.won"));
  EXPECT_EQ(GetQuote(draft.name()).state(), Quote::STATE_CANCELLED);
  EXPECT_EQ(GetQuote(other.name()).state(), Quote::STATE_CANCELLED);
  EXPECT_EQ(GetQuote(declined.name()).state(), Quote::STATE_DECLINED);
  EXPECT_EQ(GetQuote(elsewhere.name()).state(), Quote::STATE_SENT);
  EXPECT_THAT(Confirm(other.name()), IsError(StatusCode::kFailedPrecondition, "QUOTE_NOT_SENT"));
  EXPECT_THAT(Revise(quote.name()), IsError(StatusCode::kFailedPrecondition, "QUOTE_CONFIRMED"));
  EXPECT_THAT(Cancel(quote.name()), IsError(StatusCode::kFailedPrecondition, "QUOTE_CLOSED"));
}

TEST_F(OrderTest, AWonLeadKeepsItsCloseDateAndRevenue) {
  const std::string lead = CreateDeal().name();
  ASSERT_TRUE(Confirm(SentQuote(lead).name()).ok());
  const Lead won = GetLead(lead);
  suite().Advance(hours(48));
  auto more = NewQuote(lead);
  auto& line = *more.mutable_quote()->add_lines();
  line.set_description("Bags");
  *line.mutable_unit_price() = Amount("50");
  const auto second = Confirm(Send(admin_.Must<Quote>(more).name())->name());
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(second->number(), "S-000002");
  Lead later = GetLead(lead);
  EXPECT_EQ(later.days_in_stage(), 2);
  later.set_days_in_stage(won.days_in_stage());
  EXPECT_THAT(later, SameAs(won));
  EXPECT_THAT(OrdersAs(admin_).size(), 2u);
}

TEST_F(OrderTest, ALostLeadIsNotWonByAnOrder) {
  const std::string lead = CreateDeal().name();
  const Quote quote = SentQuote(lead);
  Lose(lead);
  const Lead lost = GetLead(lead);
  EXPECT_THAT(Confirm(quote.name()), IsError(StatusCode::kFailedPrecondition, "LEAD_NOT_OPEN"));
  EXPECT_THAT(GetLead(lead), SameAs(lost));
  EXPECT_THAT(GetQuote(quote.name()), SameAs(quote));
  EXPECT_THAT(OrdersAs(admin_), IsEmpty());
}

TEST_F(OrderTest, OnlyASentOrAcceptedQuoteIsConfirmed) {
  const std::string lead = CreateDeal().name();
  EXPECT_THAT(Confirm(CreateQuote(lead).name()), IsError(StatusCode::kFailedPrecondition, "QUOTE_NOT_SENT"));
  EXPECT_THAT(Confirm(Decline(SentQuote(lead).name())->name()),
              IsError(StatusCode::kFailedPrecondition, "QUOTE_NOT_SENT"));
  // What was signed in time may be confirmed later.
  const Quote accepted = *Accept(SentQuote(lead));
  suite().Advance(hours(24 * 40));
  const auto order = Confirm(accepted.name());
  ASSERT_TRUE(order.ok()) << order.status();
  EXPECT_EQ(order->signature().signer_name(), "Ada Lovelace");
}

TEST_F(OrderTest, ARepeatedConfirmationGetsTheFirstAnswer) {
  const Quote quote = SentQuote(CreateDeal().name());
  auto request = Named<pipeline::v1::ConfirmQuoteRequest>(quote.name());
  request.set_request_id(NewRequestId());
  request.set_etag(quote.etag());
  const Order order = admin_.Must<Order>(request);
  const size_t events = Events().size();
  EXPECT_THAT(admin_.Must<Order>(request), SameAs(order));
  EXPECT_EQ(Events().size(), events);
  request.clear_etag();
  EXPECT_THAT(admin_.Call<Order>(request), IsError(StatusCode::kInvalidArgument, "REQUEST_ID_REUSED"));
}

TEST_F(OrderTest, ChecksTheEtagAndOnlyValidates) {
  const Quote quote = SentQuote(CreateDeal().name());
  auto request = Named<pipeline::v1::ConfirmQuoteRequest>(quote.name());
  request.set_etag("1");
  EXPECT_THAT(admin_.Call<Order>(request), IsError(StatusCode::kAborted, "STALE_ETAG"));
  request.set_etag(quote.etag());
  request.set_validate_only(true);
  request.set_request_id(NewRequestId());
  const size_t events = Events().size();
  EXPECT_THAT(admin_.Must<Order>(request).net_total(), SameAs(Amount("1000")));
  EXPECT_EQ(Events().size(), events);
  EXPECT_THAT(GetQuote(quote.name()), SameAs(quote));
  request.set_validate_only(false);
  EXPECT_EQ(admin_.Must<Order>(request).number(), "S-000001");
}

TEST_F(OrderTest, OfManyConfirmationsAtOnceOneWins) {
  const std::string lead = CreateDeal().name();
  const std::vector<Quote> quotes = {SentQuote(lead), SentQuote(lead)};
  std::vector<absl::StatusOr<Order>> results(8, absl::UnknownError("not run"));
  std::vector<std::thread> threads;
  for (size_t i = 0; i < results.size(); ++i) {
    threads.emplace_back([&, i] { results[i] = Confirm(quotes[i % 2].name()); });
  }
  for (auto& thread : threads) thread.join();
  int won = 0;
  for (const auto& result : results) {
    if (result.ok()) {
      ++won;
    } else {
      EXPECT_THAT(result, IsError(StatusCode::kFailedPrecondition, "QUOTE_NOT_SENT"));
    }
  }
  EXPECT_EQ(won, 1);
  EXPECT_THAT(OrdersAs(admin_).size(), 1u);
  EXPECT_THAT(TypesOf(EventsAbout(lead)), ElementsAre("lead.created", "lead.won"));
}

TEST_F(OrderTest, NumbersAreGivenOnceHoweverManyAtOnce) {
  const std::string lead = CreateDeal().name();
  std::vector<std::string> numbers(12);
  std::vector<std::thread> threads;
  for (auto& number : numbers) threads.emplace_back([&] { number = CreateQuote(lead).number(); });
  for (auto& thread : threads) thread.join();
  std::sort(numbers.begin(), numbers.end());
  EXPECT_EQ(std::unique(numbers.begin(), numbers.end()), numbers.end());
  EXPECT_EQ(numbers.back(), "Q-000012");
}

TEST_F(OrderTest, IsCancelledByAManagerAndTheLeadStaysWon) {
  const std::string lead = CreateDeal().name();
  const Order order = *Confirm(SentQuote(lead).name());
  const Lead won = GetLead(lead);
  EXPECT_THAT(CancelAs(rep_, order.name()), IsError(StatusCode::kPermissionDenied, "ROLE_REQUIRED"));
  const auto cancelled = CancelAs(manager_, order.name());
  ASSERT_TRUE(cancelled.ok()) << cancelled.status();
  EXPECT_EQ(cancelled->state(), Order::STATE_CANCELLED);
  EXPECT_EQ(cancelled->cancel_reason(), "They went bankrupt");
  EXPECT_THAT(TypesOf(EventsAbout(order.name())), ElementsAre("order.confirmed", "order.cancelled"));
  EXPECT_THAT(CancelAs(manager_, order.name()), IsError(StatusCode::kFailedPrecondition, "ORDER_CANCELLED"));
  EXPECT_THAT(GetLead(lead), SameAs(won));
}

TEST_F(OrderTest, IsSeenByWhoSeesTheLead) {
  CreateUser("rep", type::v1::User::VISIBILITY_OWN);
  const Order own = *Confirm(SentQuote(CreateDeal([](Lead& l) { l.set_owner("users/rep"); }).name()).name());
  const Order others = *Confirm(SentQuote(CreateDeal().name()).name());
  EXPECT_THAT(OrdersAs(rep_), ElementsAre(own.name()));
  EXPECT_THAT(rep_.Call<Order>(Named<pipeline::v1::GetOrderRequest>(others.name())),
              IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
  EXPECT_THAT(CancelAs(suite().As(suite().NewTenant(), type::v1::ROLE_ADMIN), own.name()),
              IsError(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
}

}  // namespace
}  // namespace embudo::testing
