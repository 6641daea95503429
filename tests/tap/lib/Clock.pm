# Servers whose clock a test moves: by clock.c of tests/month, which is preloaded into them.
package Clock;
use strict;
use warnings;

use Exporter 'import';
use IPC::Run;
use PostgreSQL::Test::Utils;

our @EXPORT = qw(movable_clock set_clock start_with_clock);

my ($library, $file);

# Makes the library; false, and why in $@, where there is no compiler.
sub movable_clock
{
    my $dir = PostgreSQL::Test::Utils::tempdir();
    ($library, $file) = ("$dir/clock.so", "$dir/clock");
    my ($source) = grep { -e $_ } map { "$_/clock.c" } @INC;
    my $done = eval { IPC::Run::run([ 'cc', '-shared', '-fPIC', '-O2', '-o', $library, $source ], '>', \my $out, '2>', \my $err) };
    set_clock(0, 0) if $done;
    return $done;
}

# $passed seconds have passed, and the clock was set forward by $set seconds beside.
sub set_clock
{
    my ($passed, $set) = @_;
    # In place: the servers have it mapped.
    open(my $clock, -e $file ? '+<' : '>', $file) or die $!;
    binmode($clock);
    syswrite($clock, pack('qq', $passed, $set));
    close($clock);
    return;
}

sub start_with_clock
{
    my ($node) = @_;
    local $ENV{LD_PRELOAD} = $library;
    local $ENV{MONTH_CLOCK} = $file;
    $node->start;
    return;
}

1;
