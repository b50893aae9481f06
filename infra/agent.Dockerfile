# The agent's image. To be built in the repository's folder, for the processor that the template names:
#
#   docker build --file infra/agent.Dockerfile --build-arg POSTGRES=17 --tag nightkeep-agent .
#
# POSTGRES is the version of PostgreSQL's clients (pg_dump, psql), which must not be older than the
# database; MYSQL is the Debian package of MySQL's (mysqldump, mysql). Each is left out when empty.

FROM rust:1.95-slim-bookworm AS build
WORKDIR /build
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/build/target \
    cargo build --profile agent --locked --package nightkeep-agent \
    && cp target/agent/nightkeep-agent /nightkeep-agent

FROM debian:bookworm-slim
ARG POSTGRES=""
ARG MYSQL=""
# Clients of every version of PostgreSQL come from its project's own packages, whose key is Debian's.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && if [ -n "$POSTGRES" ]; then \
        apt-get install --yes --no-install-recommends postgresql-common \
        && /usr/share/postgresql-common/pgdg/apt.postgresql.org.sh -y \
        && apt-get install --yes --no-install-recommends "postgresql-client-$POSTGRES"; \
    fi \
    && if [ -n "$MYSQL" ]; then apt-get install --yes --no-install-recommends "$MYSQL"; fi \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group --no-create-home nightkeep \
    && install --directory --owner nightkeep --group nightkeep /cache
COPY --from=build /nightkeep-agent /usr/local/bin/nightkeep-agent
# The template's parameter AgentUser says otherwise where the data needs it.
USER 10001:10001
VOLUME ["/cache", "/tmp"]
ENTRYPOINT ["nightkeep-agent"]
