# Runs every test on PostgreSQL 15, as .ci/run does: docker build -t pgsm-test . && docker run --rm --privileged pgsm-test
# --privileged is for the other majors, whose root file systems need mounts; without it they are counted as skipped.
FROM debian:12
COPY . /src
RUN /src/scripts/install_packages.sh && apt-get install -y --no-install-recommends debootstrap git
CMD ["/src/.ci/run"]
